"""Who wraps data keys: the local key ring, HashiCorp Vault Transit or AWS KMS, behind one interface."""

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from apps.vault.keyring import ConfigurationError, KeyRing

NONCE_BYTES = 12


class UnwrapFailed(Exception):
    """A data key could not be unwrapped. The text is a sentence for the operator, without key material."""


class Backend(Protocol):
    """Wraps data keys. `aad` (bytes) is bound to the result: only the same `aad` unwraps it."""

    def primary(self) -> str:
        """The ID of the key that `wrap` uses now."""

    def knows(self, kid: str) -> bool:
        """Whether this backend can be asked to unwrap what the key `kid` wrapped."""

    def wrap(self, data_key: bytes, aad: bytes) -> tuple[str, bytes]:
        """Gives the ID of the key that wrapped, and the wrapped data key."""

    def unwrap(self, kid: str, wrapped: bytes, aad: bytes) -> bytes:
        """Gives the data key. Raises UnwrapFailed."""


@dataclass(frozen=True)
class LocalRing:
    """AES-256-GCM under the keys of VAULT_KEYS."""

    ring: KeyRing

    def primary(self) -> str:
        return self.ring.primary

    def knows(self, kid: str) -> bool:
        return kid in self.ring.keys

    def wrap(self, data_key: bytes, aad: bytes) -> tuple[str, bytes]:
        kid, nonce = self.ring.primary, os.urandom(NONCE_BYTES)
        return kid, nonce + AESGCM(self.ring.keys[kid]).encrypt(nonce, data_key, _with_kid(aad, kid))

    def unwrap(self, kid: str, wrapped: bytes, aad: bytes) -> bytes:
        if kid not in self.ring.keys:
            raise UnwrapFailed(f"The key {kid!r} that protects it is not in VAULT_KEYS.")
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        try:
            return AESGCM(self.ring.keys[kid]).decrypt(nonce, sealed, _with_kid(aad, kid))
        except (InvalidTag, ValueError):
            raise UnwrapFailed(f"The key {kid!r} does not open it: another key, another row, or altered.") from None


def _with_kid(aad: bytes, kid: str) -> bytes:
    # NUL stands neither in JSON, which `aad` is, nor in a key ID.
    return aad + b"\0" + kid.encode()


@lru_cache(maxsize=8)
def _local(keys: str) -> LocalRing:
    return LocalRing(KeyRing.parse(keys))


def active() -> Backend:
    """The backend of VAULT_BACKEND, parsed once. Raises ConfigurationError."""
    if settings.VAULT_BACKEND != "local":
        raise ConfigurationError(f"VAULT_BACKEND is {settings.VAULT_BACKEND!r}; it takes local, transit or aws-kms.")
    return _local(settings.VAULT_KEYS)
