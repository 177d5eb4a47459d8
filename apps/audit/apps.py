"""The Django app of the audit log."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "apps.audit"
    verbose_name = "Audit log"

    def ready(self) -> None:
        from apps.audit import database_role  # noqa: F401 - importing registers the check
