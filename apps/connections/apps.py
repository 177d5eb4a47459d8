"""The Django app of connections."""

from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    name = "apps.connections"
    verbose_name = "Connections"

    def ready(self) -> None:
        from apps.connections import checks, receivers  # noqa: F401 - registers checks and receivers; needs the models
        from apps.connections.services import spool

        spool.start_replaying()  # what an earlier process left behind
