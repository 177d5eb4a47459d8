"""The Django app of connections."""

from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    name = "apps.connections"
    verbose_name = "Connections"

    def ready(self) -> None:
        from apps.connections import checks  # noqa: F401 - registers the system check
