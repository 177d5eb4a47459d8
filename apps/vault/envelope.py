"""Envelope encryption: a data key per row, wrapped by the key backend, and what each ciphertext is bound to."""

import base64
import json
import os
import uuid
from dataclasses import dataclass, field
from typing import Any, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.views.decorators.debug import sensitive_variables

from apps.vault import backends
from apps.vault.errors import NotOurs

FORMAT = 1
DATA_KEY_BYTES = 32
MASK = "stored"
ALTERED = "It was altered, or belongs to another row or column."


@dataclass(frozen=True, slots=True)
class Binding:
    """What a row's secrets are bound to: table, primary key and team ("" for the operator)."""

    table: str
    pk: str
    team: str

    @classmethod
    def of(cls, row: Any) -> Self:
        """The binding of a saved or unsaved row of a SealedRow model."""
        meta = row._meta.concrete_model._meta
        return cls(meta.db_table, str(meta.pk.to_python(row.pk)), canonical_team(row.team_id))

    def aad(self, part: str) -> bytes:
        """Associated data (RFC 5116) of one column's ciphertext, or of the wrapped data key itself."""
        # A JSON array is unambiguous.
        return json.dumps([FORMAT, self.table, part, self.pk, self.team]).encode()


def canonical_team(team_id: object) -> str:
    """The text of a team ID; "" for None."""
    # Code may assign a UUID as text in any form; the database returns a UUID.
    if isinstance(team_id, uuid.UUID):
        return str(team_id)
    try:
        return "" if team_id is None else str(uuid.UUID(str(team_id)))
    except ValueError:
        return str(team_id)


@dataclass(frozen=True, slots=True)
class Ciphertext:
    """An encrypted value: a format byte, the nonce (12 bytes) and the AES-256-GCM output. `str()` is a mask."""

    data: bytes = field(repr=False)

    def to_bytes(self) -> bytes:
        return self.data

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> Self:
        return cls(bytes(data))

    def __str__(self) -> str:
        return MASK


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A row's data key as stored: the ID of the wrapping key, and the wrapped bytes."""

    kid: str
    data: bytes = field(repr=False)

    def to_text(self) -> str:
        return f"{self.kid}:{base64.b64encode(self.data).decode()}"

    @classmethod
    def from_text(cls, text: str) -> Self:
        kid, _, encoded = text.partition(":")
        try:
            return cls(kid, base64.b64decode(encoded))
        except ValueError:
            # Loading a row must not fail because of a damaged data key. This one decrypts nothing.
            return cls(kid, b"")

    def to_bytes(self) -> bytes:
        return self.to_text().encode()

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> Self:
        return cls.from_text(bytes(data).decode())

    def __str__(self) -> str:
        return MASK


# The data key's "column" in its associated data. No column has a space in its name.
DATA_KEY_PART = "the data key"


def new_data_key(binding: Binding) -> WrappedKey:
    """A random data key, wrapped by the primary key."""
    return wrap(os.urandom(DATA_KEY_BYTES), binding)


def wrap(data_key: bytes, binding: Binding) -> WrappedKey:
    return WrappedKey(*backends.active().wrap(data_key, binding.aad(DATA_KEY_PART)))


def unwrap(wrapped: WrappedKey, binding: Binding) -> bytes:
    """Raises UnwrapFailed."""
    return backends.active().unwrap(wrapped.kid, wrapped.data, binding.aad(DATA_KEY_PART))


@sensitive_variables()
def encrypt(plaintext: str, *, wrapped: WrappedKey, binding: Binding, column: str) -> Ciphertext:
    """Raises UnwrapFailed."""
    nonce = os.urandom(backends.NONCE_BYTES)
    sealed = AESGCM(unwrap(wrapped, binding)).encrypt(nonce, plaintext.encode(), binding.aad(column))
    return Ciphertext(bytes([FORMAT]) + nonce + sealed)


@sensitive_variables()
def decrypt(ciphertext: Ciphertext, *, wrapped: WrappedKey, binding: Binding, column: str) -> str:
    """Raises UnwrapFailed, or NotOurs."""
    data_key = unwrap(wrapped, binding)
    version, body = ciphertext.data[:1], ciphertext.data[1:]
    if version != bytes([FORMAT]):
        raise NotOurs(ALTERED)
    nonce, sealed = body[: backends.NONCE_BYTES], body[backends.NONCE_BYTES :]
    try:
        return AESGCM(data_key).decrypt(nonce, sealed, binding.aad(column)).decode()
    except (InvalidTag, ValueError):
        raise NotOurs(ALTERED) from None
