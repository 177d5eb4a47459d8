"""The Django app of connections."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ConnectionsConfig(AppConfig):
    name = "apps.connections"
    verbose_name = _("Connections")

    def ready(self) -> None:
        from apps.connections import checks, receivers  # noqa: F401 - registers checks and receivers; needs the models
        from apps.connections.services import spool

        spool.start_replaying()  # what an earlier process left behind
