"""The Django app of people, teams and API keys."""

from importlib import import_module

from django.apps import AppConfig


class TeamsConfig(AppConfig):
    name = "apps.teams"
    verbose_name = "People and teams"

    def ready(self) -> None:
        import_module("apps.teams.account_signals").connect()
