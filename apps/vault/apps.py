"""The Django app of encryption at rest."""

from django.apps import AppConfig


class VaultConfig(AppConfig):
    name = "apps.vault"
    verbose_name = "Vault"

    def ready(self) -> None:
        from apps.vault import checks  # noqa: F401 - importing registers the checks
