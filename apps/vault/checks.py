"""System checks of the vault: are there keys, and are all those there that rows still need."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connections, transaction

from apps.vault import backends
from apps.vault.keyring import ConfigurationError
from apps.vault.services import missing_key_ids, sealed_models


@register(Tags.security)
def check_backend(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """The keys can be read and the backend of VAULT_BACKEND can be made."""
    try:
        backends.active()
    except ConfigurationError as error:
        return [Error(str(error), id="vault.E010")]
    return []


@register(Tags.database)
def check_keys_in_use(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **options: Any
) -> list[CheckMessage]:
    """No key was removed that rows still use. Runs with `check --database default` and with `migrate`."""
    if "default" not in (databases or ()) or not _tables_are_there():
        return []
    try:
        # Its own savepoint: `migrate` comes here with the columns of yesterday.
        with transaction.atomic():
            missing = missing_key_ids()
    except (DatabaseError, ConfigurationError):
        return []
    return [
        Error(
            f"Rows still use the key {kid!r}, which is not configured: their secrets cannot be read.",
            hint="Put the key back into VAULT_KEYS, run 'manage.py rotate_vault_keys', and remove it afterwards.",
            id="vault.E011",
        )
        for kid in sorted(missing)
    ]


def _tables_are_there() -> bool:
    present = set(connections["default"].introspection.table_names())
    return all(model._meta.db_table in present for model in sealed_models())
