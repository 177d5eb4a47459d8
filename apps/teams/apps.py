"""The Django app of people, teams and API keys."""

from django.apps import AppConfig


class TeamsConfig(AppConfig):
    name = "apps.teams"
    verbose_name = "People and teams"
