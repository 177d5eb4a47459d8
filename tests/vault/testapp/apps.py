"""The Django app of the vault's test models. It has no migrations: its tables are made with the test database."""

from django.apps import AppConfig


class TestAppConfig(AppConfig):
    name = "tests.vault.testapp"
    label = "vault_testapp"
