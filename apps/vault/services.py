"""Sealing secrets for `QuerySet.update()`, and the state of keys."""

import os
from collections import Counter
from typing import Any

from django.apps import apps
from django.db.models import Count
from django.views.decorators.debug import sensitive_variables

from apps.row_counts import RowCount, row_count
from apps.sql import distinct_values
from apps.vault import backends, datakeys, envelope
from apps.vault.envelope import Binding, Ciphertext, WrappedKey
from apps.vault.errors import UnreadableSecret, UnwrapFailed
from apps.vault.fields import EncryptedField, encrypted_fields
from apps.vault.models import SealedRow


@sensitive_variables()
def seal(row: Any, **secrets: str | None) -> dict[str, Any]:
    """Encrypt secrets of a SealedRow: `rows.update(version=2, **seal(row, access_token="...", refresh_token=None))`.

    Returns Ciphertext or None by field name, and `data_key` if the row had none in memory. With a data key in memory
    it makes no query, so it works without the database. Does not change `row`. Raises UnreadableSecret.
    """
    values: dict[str, Any] = {}
    wrapped: WrappedKey | None = row.data_key
    if wrapped is None and any(secret is not None for secret in secrets.values()):
        wrapped = values["data_key"] = datakeys.for_update(row)
    for name, secret in secrets.items():
        values[name] = None if secret is None else _encrypt(row, name, secret, wrapped)
    return values


def _encrypt(row: Any, name: str, secret: str, wrapped: WrappedKey | None) -> Ciphertext:
    field = row._meta.get_field(name)
    if not isinstance(field, EncryptedField) or wrapped is None:
        raise TypeError(f"{name} is not an encrypted field of {row._meta.label}.")
    return envelope.encrypt(secret, wrapped=wrapped, binding=Binding.of(row), column=str(field.column))


def erased(model: type[SealedRow]) -> dict[str, None]:
    """Column values that erase all secrets and the data key: `rows.update(**erased(TokenSet))`.

    Also needed after a key was lost, since nothing can be encrypted under a data key that cannot be unwrapped. Reload
    the row before sealing new secrets for it.
    """
    return {"data_key": None, **{field.attname: None for field in encrypted_fields(model)}}


def to_spool(values: dict[str, Any]) -> dict[str, str | None]:
    """The values of `seal()` for JSON: ciphertext and wrapped data key in hexadecimal, no plaintext."""
    return {name: None if value is None else value.to_bytes().hex() for name, value in values.items()}


def from_spool(spooled: dict[str, str | None]) -> dict[str, Any]:
    """The reverse of `to_spool`: values for `QuerySet.update()` of the same row."""
    kinds: dict[str, type[WrappedKey | Ciphertext]] = {"data_key": WrappedKey}
    return {
        name: None if text is None else kinds.get(name, Ciphertext).from_bytes(bytes.fromhex(text))
        for name, text in spooled.items()
    }


def sealed_models() -> list[type[SealedRow]]:
    """All models with encrypted fields."""
    return [model for model in apps.get_models() if issubclass(model, SealedRow) and not model._meta.proxy]


def rows_per_key() -> dict[str, int]:
    """The number of rows by the key that wraps their data key, over all tables. Uses an index only."""
    total: Counter[str] = Counter()
    for model in sealed_models():
        keyed = model._base_manager.filter(data_key_kid__isnull=False).order_by()
        for kid, rows in keyed.values_list("data_key_kid").annotate(rows=Count("*")):
            total[kid] += rows
    return dict(total)


def row_counts_per_key() -> dict[str, RowCount]:
    """As `rows_per_key`, with an estimate where there are many rows. A few probes of an index."""
    total: dict[str, RowCount] = {}
    for model in sealed_models():
        for kid in distinct_values(model, "data_key_kid"):
            found = row_count(model._base_manager.filter(data_key_kid=kid))
            total[kid] = total.get(kid, RowCount(0)) + found
    return total


def missing_key_ids() -> set[str]:
    """IDs of keys that rows use and that are not configured. A few probes of an index, whatever the number of rows."""
    backend = backends.active()
    used = {kid for model in sealed_models() for kid in distinct_values(model, "data_key_kid")}
    return {kid for kid in used if not backend.knows(kid)}


def vault_ready() -> None:
    """Wrap and unwrap a test key. Raises UnreadableSecret or ConfigurationError if that fails."""
    backend, data_key, aad = backends.active(), os.urandom(envelope.DATA_KEY_BYTES), b"self-test"
    try:
        kid, wrapped = backend.wrap(data_key, aad)
        if backend.unwrap(kid, wrapped, aad) != data_key:
            raise UnreadableSecret("The vault returned another key than it wrapped.")
    except UnwrapFailed as failure:
        raise UnreadableSecret(f"The vault does not work. {failure}") from None
