"""The key-encryption keys of VAULT_KEYS. Imported by the settings, so it must not import them."""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Self

from django.core.exceptions import ImproperlyConfigured

KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
KEY_BYTES = 32


class ConfigurationError(ImproperlyConfigured):
    """Invalid settings of the vault. The message names the variable, never key material."""


@dataclass(frozen=True)
class KeyRing:
    """Key-encryption keys by ID. The primary key, the first one, wraps; all of them unwrap."""

    primary: str
    keys: dict[str, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse "kid:base64key,kid2:base64key" (32 bytes each). Raises ConfigurationError."""
        keys: dict[str, bytes] = {}
        for position, entry in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
            kid, key = _entry(entry, position)
            if kid in keys:
                raise ConfigurationError(f"VAULT_KEYS has the key ID {kid!r} twice. Give each key its own ID.")
            keys[kid] = key
        if not keys:
            raise ConfigurationError(
                "VAULT_KEYS is empty. Set it to comma-separated kid:base64key pairs; the first is the primary key."
            )
        return cls(primary=next(iter(keys)), keys=keys)


def _entry(entry: str, position: int) -> tuple[str, bytes]:
    kid, colon, encoded = entry.partition(":")
    # The entry itself may be key material, so the message has only its position.
    if not colon or not KEY_ID.fullmatch(kid):
        raise ConfigurationError(
            f"Entry {position} of VAULT_KEYS is not of the form kid:base64key. "
            "A key ID has 1 to 32 letters, digits, '_' or '-'."
        )
    try:
        # Many generators use the URL-safe alphabet.
        key = base64.b64decode(encoded.strip().replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigurationError(f"The key {kid!r} in VAULT_KEYS is not valid base64.") from None
    if len(key) != KEY_BYTES:
        raise ConfigurationError(
            f"The key {kid!r} in VAULT_KEYS has {len(key)} bytes instead of {KEY_BYTES}. "
            "Create one with: openssl rand -base64 32"
        )
    return kid, key
