"""The Django app of integrations and OAuth apps."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IntegrationsConfig(AppConfig):
    name = "apps.integrations"
    verbose_name = _("Integrations")

    def ready(self) -> None:
        from apps.integrations.catalog import checks  # noqa: F401 - registers the system check; needs the models
