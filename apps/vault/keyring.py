"""The key-encryption keys that the operator gives in VAULT_KEYS. Settings import this: no Django settings in here."""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Self

from django.core.exceptions import ImproperlyConfigured

KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
KEY_BYTES = 32


class ConfigurationError(ImproperlyConfigured):
    """The vault cannot work with these settings. The sentence names the variable and never shows key material."""


@dataclass(frozen=True)
class KeyRing:
    """Key-encryption keys by their ID. The first one, the primary, wraps; every one unwraps."""

    primary: str
    keys: dict[str, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads "kid:base64key,kid2:base64key" (32 bytes each). Raises ConfigurationError."""
        keys: dict[str, bytes] = {}
        for position, entry in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
            kid, key = _entry(entry, position)
            if kid in keys:
                raise ConfigurationError(f"VAULT_KEYS has the key ID {kid!r} twice. Every key needs an ID of its own.")
            keys[kid] = key
        if not keys:
            raise ConfigurationError(
                "VAULT_KEYS is empty. It takes kid:base64key pairs, separated by commas; the first is the primary key."
            )
        return cls(primary=next(iter(keys)), keys=keys)


def _entry(entry: str, position: int) -> tuple[str, bytes]:
    kid, colon, encoded = entry.partition(":")
    # Without its colon the whole entry may be key material, so only its position is named.
    if not colon or not KEY_ID.fullmatch(kid):
        raise ConfigurationError(
            f"Entry {position} of VAULT_KEYS does not read kid:base64key. "
            "A key ID has 1 to 32 letters, digits, '_' or '-'."
        )
    try:
        # Keys may be written in the URL-safe alphabet too, as many generators do.
        key = base64.b64decode(encoded.strip().replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigurationError(f"The key {kid!r} in VAULT_KEYS is not valid base64.") from None
    if len(key) != KEY_BYTES:
        raise ConfigurationError(
            f"The key {kid!r} in VAULT_KEYS has {len(key)} bytes instead of {KEY_BYTES}. "
            "This makes one: openssl rand -base64 32"
        )
    return kid, key
