"""System checks: keys, keys in use, and models with encrypted fields."""

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import models
from django.test.utils import isolate_apps

from apps.vault import checks
from apps.vault.fields import EncryptedField
from apps.vault.keyring import ConfigurationError
from apps.vault.models import SealedRow
from apps.vault.sealed import UnreadableSecret
from apps.vault.services import missing_key_ids, vault_ready
from tests.vault.keys import new_key, secret
from tests.vault.testapp.models import Account


def ids(messages):
    return [message.id for message in messages]


def test_working_keys_pass():
    assert checks.check_backend(None) == []
    vault_ready()


@pytest.mark.parametrize("keys", ["", "a:short", "nonsense"])
def test_missing_and_bad_keys_are_errors(settings, keys):
    settings.VAULT_KEYS = keys
    assert ids(checks.check_backend(None)) == ["vault.E010"]
    with pytest.raises(ConfigurationError):
        vault_ready()


def test_an_unknown_backend_is_an_error(settings):
    settings.VAULT_BACKEND = "magic"
    [error] = checks.check_backend(None)
    assert "local, transit or aws-kms" in error.msg


def of_the_vault(messages) -> list[str]:
    """The IDs of this package's messages: others warn of the role that tests use on PostgreSQL."""
    return [each for each in ids(messages) if each.startswith("vault.")]


@pytest.mark.django_db
def test_a_removed_key_that_rows_still_use_is_an_error_of_the_database_checks(settings):
    Account.objects.create(password=secret())
    assert of_the_vault(run_checks(tags=["database"], databases=["default"])) == []
    settings.VAULT_KEYS = f"other:{new_key()}"
    assert missing_key_ids() == {"test"}
    assert of_the_vault(run_checks(tags=["database"], databases=["default"])) == ["vault.E011"]
    with pytest.raises(SystemCheckError, match="'test'"):
        call_command("check", tags=["database"], databases=["default"])


@pytest.mark.django_db
@isolate_apps("tests.vault.testapp")
def test_a_database_without_the_tables_yet_passes(monkeypatch):
    class Later(SealedRow):
        class Meta:
            app_label = "vault_testapp"

    monkeypatch.setattr(checks, "sealed_models", lambda: [Account, Later])
    assert checks.check_keys_in_use(None, databases=["default"]) == []


def test_a_backend_that_returns_another_key_is_not_ready(monkeypatch):
    class WrongBackend:
        def wrap(self, data_key, aad):
            return "a", b""

        def unwrap(self, kid, wrapped, aad):
            return b""

    monkeypatch.setattr("apps.vault.backends.active", WrongBackend)
    with pytest.raises(UnreadableSecret, match="another key"):
        vault_ready()


@isolate_apps("tests.vault.testapp")
def test_a_model_that_secrets_cannot_be_bound_to_is_an_error():
    class Loose(models.Model):  # noqa: DJ008 - lives for one test
        secret = EncryptedField()

        class Meta:
            app_label = "vault_testapp"

    assert ids(Loose.check()) == ["vault.E001", "vault.E002", "vault.E003"]


@isolate_apps("tests.vault.testapp")
def test_a_sealed_row_without_a_team_is_an_error():
    class Teamless(SealedRow):
        secret = EncryptedField()

        class Meta:
            app_label = "vault_testapp"

    assert ids(Teamless.check()) == ["vault.E002"]


def test_the_test_models_pass():
    assert Account.check() == []
