"""The Django app of connections."""

from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    name = "apps.connections"
    verbose_name = "Connections"

    def ready(self) -> None:
        from apps.connections import checks  # noqa: F401 - registers the system check
        from apps.connections.services.asked_values import mark_unfit_connections
        from apps.connections.services.client_change import mark_connections, mark_keyed_connections  # needs the models
        from apps.connections.services.share import forget_member
        from apps.connections.whereabouts import workflows_through_key
        from apps.integrations.services import client_change
        from apps.teams import stakes
        from apps.teams.services import departures

        client_change.follow(mark_connections)
        client_change.follow_places(mark_keyed_connections)
        client_change.follow_places(mark_unfit_connections)  # after the one above: it says what else is the matter
        departures.follow(forget_member)
        stakes.tell_by(workflows_through_key)
