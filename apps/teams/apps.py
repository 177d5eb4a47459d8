"""The Django app of people, teams and API keys."""

from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TeamsConfig(AppConfig):
    name = "apps.teams"
    verbose_name = _("People and teams")

    def ready(self) -> None:
        import_module("apps.teams.account_signals").connect()
