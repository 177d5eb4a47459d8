"""System checks: the key back end works, and no key is missing that rows still use."""

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
    """The settings describe a valid key backend."""
    try:
        backends.active()
    except ConfigurationError as error:
        return [Error(str(error), id="vault.E010")]
    return []


@register(Tags.database)
def check_keys_in_use(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **options: Any
) -> list[CheckMessage]:
    """Every key that rows use is configured. Runs with `check --database default` and with `migrate`."""
    if "default" not in (databases or ()) or not _tables_exist():
        return []
    try:
        # In a savepoint: during `migrate`, columns may be missing.
        with transaction.atomic():
            missing = missing_key_ids()
    except (DatabaseError, ConfigurationError):
        return []
    return [
        Error(
            f"Rows still use the key {kid!r}, which is not configured. Their secrets cannot be read.",
            hint="Put the key back into VAULT_KEYS, run 'manage.py rotate_vault_keys', and remove it afterwards.",
            id="vault.E011",
        )
        for kid in sorted(missing)
    ]


def _tables_exist() -> bool:
    present = set(connections["default"].introspection.table_names())
    return all(model._meta.db_table in present for model in sealed_models())
