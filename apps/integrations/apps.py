"""The Django app of integrations and OAuth apps."""

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "apps.integrations"
    verbose_name = "Integrations"

    def ready(self) -> None:
        from apps.integrations.catalog import checks  # noqa: F401 - registers the system check; needs the models
