"""What other rooms ask of the vault: sealing for `QuerySet.update()`, and what its health is."""

from typing import Any

from django.views.decorators.debug import sensitive_variables

from apps.vault import datakeys, envelope
from apps.vault.envelope import Binding, Ciphertext, WrappedKey
from apps.vault.fields import EncryptedField


@sensitive_variables()
def seal(row: Any, **secrets: str | None) -> dict[str, Any]:
    """Encrypts secrets for a row of a SealedRow model: `rows.update(**seal(row, access_token="...", refresh_token=None))`.

    Gives Ciphertext or None by field name, and the data key too if the row had none in memory. If it has one, the
    database is not asked, so this works while it is away; `row` itself is not changed. Raises UnwrapFailed.
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
