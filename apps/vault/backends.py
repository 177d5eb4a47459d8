"""Key back ends that wrap data keys: the local key ring, HashiCorp Vault Transit, AWS KMS."""

import base64
import hashlib
import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from apps.vault.errors import UnwrapFailed
from apps.vault.keyring import ConfigurationError, KeyRing

NONCE_BYTES = 12
DIGEST_BYTES = 32


class Backend(Protocol):
    """Wraps data keys. `aad` is associated data (RFC 5116): unwrapping requires the same bytes."""

    def primary(self) -> str:
        """The ID of the key that `wrap` uses."""

    def knows(self, kid: str) -> bool:
        """Whether this backend can unwrap data keys wrapped by the key `kid`."""

    def wrap(self, data_key: bytes, aad: bytes) -> tuple[str, bytes]:
        """Returns the ID of the wrapping key and the wrapped data key. Raises UnwrapFailed."""

    def unwrap(self, kid: str, wrapped: bytes, aad: bytes) -> bytes:
        """Returns the data key. Raises UnwrapFailed."""


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
            raise UnwrapFailed(f"The key {kid!r}, which protects this secret, is not in VAULT_KEYS.")
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        try:
            return AESGCM(self.ring.keys[kid]).decrypt(nonce, sealed, _with_kid(aad, kid))
        except (InvalidTag, ValueError):
            raise UnwrapFailed(
                f"The key {kid!r} does not open this secret: wrong key, wrong row, or altered."
            ) from None


def _with_kid(aad: bytes, kid: str) -> bytes:
    # NUL occurs neither in `aad`, which is JSON, nor in a key ID.
    return aad + b"\0" + kid.encode()


@dataclass(frozen=True)
class TransitKey:
    """A key of HashiCorp Vault's Transit engine, through an `hvac.Client`. Its versions: "transit.1", "transit.2"."""

    client: Any
    mount: str
    name: str

    def primary(self) -> str:
        return f"transit.{self._call('read_key')['latest_version']}"

    def knows(self, kid: str) -> bool:
        return kid.startswith("transit.")

    def wrap(self, data_key: bytes, aad: bytes) -> tuple[str, bytes]:
        # Not every version of hvac supports associated data, so its digest is encrypted with the data key.
        content = base64.b64encode(_digest(aad) + data_key).decode()
        ciphertext: str = self._call("encrypt_data", plaintext=content)["ciphertext"]
        return f"transit.{ciphertext.split(':')[1].removeprefix('v')}", ciphertext.encode()

    def unwrap(self, kid: str, wrapped: bytes, aad: bytes) -> bytes:
        content = base64.b64decode(self._call("decrypt_data", ciphertext=wrapped.decode())["plaintext"])
        digest, data_key = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        if not hmac.compare_digest(digest, _digest(aad)):
            raise UnwrapFailed(f"The key {kid!r} protects this secret for another row.")
        return data_key

    def _call(self, operation: str, **arguments: str) -> dict[str, Any]:
        call = getattr(self.client.secrets.transit, operation)
        with _failures_of("HashiCorp Vault"):
            data: dict[str, Any] = call(name=self.name, mount_point=self.mount, **arguments)["data"]
            return data


@dataclass(frozen=True)
class KmsKey:
    """A symmetric key of AWS KMS, through a boto3 "kms" client. AWS rotates its material under the same ID."""

    client: Any
    key: str

    def primary(self) -> str:
        # Key IDs of AWS are long, and ARNs contain colons, which separate the key ID in the column.
        return f"aws-kms.{hashlib.sha256(self.key.encode()).hexdigest()[:12]}"

    def knows(self, kid: str) -> bool:
        return kid == self.primary()

    def wrap(self, data_key: bytes, aad: bytes) -> tuple[str, bytes]:
        with _failures_of("AWS KMS"):
            response = self.client.encrypt(KeyId=self.key, Plaintext=data_key, EncryptionContext=_context(aad))
        return self.primary(), bytes(response["CiphertextBlob"])

    def unwrap(self, kid: str, wrapped: bytes, aad: bytes) -> bytes:
        with _failures_of("AWS KMS"):
            response = self.client.decrypt(KeyId=self.key, CiphertextBlob=wrapped, EncryptionContext=_context(aad))
        return bytes(response["Plaintext"])


@contextmanager
def _failures_of(service: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # Only the exception's class: the library's message may contain anything.
        raise UnwrapFailed(f"{service} failed ({type(error).__name__}).") from None


def _digest(aad: bytes) -> bytes:
    return hashlib.sha256(aad).digest()


def _context(aad: bytes) -> dict[str, str]:
    # Appears in AWS CloudTrail. It names a table, a row and a team, nothing secret.
    return {"specway": aad.decode()}


@dataclass(frozen=True)
class BackendChain:
    """Wraps with the first backend, and unwraps with the one that knows the key: for migrating between back ends."""

    backends: tuple[Backend, ...]

    def primary(self) -> str:
        return self.backends[0].primary()

    def knows(self, kid: str) -> bool:
        return any(backend.knows(kid) for backend in self.backends)

    def wrap(self, data_key: bytes, aad: bytes) -> tuple[str, bytes]:
        return self.backends[0].wrap(data_key, aad)

    def unwrap(self, kid: str, wrapped: bytes, aad: bytes) -> bytes:
        for backend in self.backends:
            if backend.knows(kid):
                return backend.unwrap(kid, wrapped, aad)
        raise UnwrapFailed(f"The key {kid!r}, which protects this secret, is not configured.")


def active() -> Backend:
    """The backend of VAULT_BACKEND, cached. Raises ConfigurationError."""
    if settings.VAULT_BACKEND == "local":
        return _local(settings.VAULT_KEYS)
    if settings.VAULT_BACKEND == "transit":
        return _with_local(_transit(settings.VAULT_TRANSIT_MOUNT, settings.VAULT_TRANSIT_KEY), settings.VAULT_KEYS)
    if settings.VAULT_BACKEND == "aws-kms":
        return _with_local(_kms(settings.VAULT_KMS_KEY), settings.VAULT_KEYS)
    raise ConfigurationError(f"VAULT_BACKEND must be local, transit or aws-kms, not {settings.VAULT_BACKEND!r}.")


@lru_cache(maxsize=8)
def _local(keys: str) -> LocalRing:
    return LocalRing(KeyRing.parse(keys))


def _with_local(remote: Backend, keys: str) -> Backend:
    return BackendChain((remote, _local(keys))) if keys else remote


@lru_cache(maxsize=8)
def _transit(mount: str, name: str) -> TransitKey:
    try:
        import hvac
    except ImportError:
        raise ConfigurationError("VAULT_BACKEND=transit needs hvac. Install the extra 'vault'.") from None
    # hvac reads the address and the token from VAULT_ADDR and VAULT_TOKEN.
    return TransitKey(hvac.Client(timeout=10), mount, name)


@lru_cache(maxsize=8)
def _kms(key: str) -> KmsKey:
    if not key:
        raise ConfigurationError("VAULT_BACKEND=aws-kms requires VAULT_KMS_KEY, the ID or ARN of the key.")
    try:
        import boto3
    except ImportError:
        raise ConfigurationError("VAULT_BACKEND=aws-kms needs boto3. Install the extra 'aws'.") from None
    return KmsKey(boto3.client("kms"), key)
