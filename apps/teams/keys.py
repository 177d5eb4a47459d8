"""API keys as text, `spw_<prefix>_<secret>`: generating, parsing and verifying them; their scopes."""

import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass, field
from typing import NamedTuple

from django.utils.translation import gettext_noop

SCHEME = "spw"


class ScopeLabel(NamedTuple):
    """A scope's label, its access (read, write or admin), and a warning for people, in English.

    Pages translate them; the API does not.
    """

    label: str
    access: str
    caution: str = ""


SCOPES = {
    "connections:read": ScopeLabel(gettext_noop("List connections and integrations"), "read"),
    "connections:use": ScopeLabel(gettext_noop("Call services through connections"), "write"),
    "connections:write": ScopeLabel(gettext_noop("Create, change and disconnect"), "write"),
    "members:read": ScopeLabel(gettext_noop("List the team's members"), "read"),
    "audit:read": ScopeLabel(gettext_noop("Read the audit log"), "read"),
    "integrations:write": ScopeLabel(gettext_noop("Create, change and delete custom APIs"), "admin"),
    "webhooks:write": ScopeLabel(gettext_noop("Manage webhooks"), "admin"),
    "oauth-apps:write": ScopeLabel(gettext_noop("Manage the team's own OAuth apps"), "admin"),
    "connections:token": ScopeLabel(
        gettext_noop("Read access tokens"),
        "admin",
        gettext_noop("A program with this key can read access tokens. Calls through connections do not need this."),
    ),
}

_PREFIX_ALPHABET = string.ascii_lowercase + string.digits
_KEY = re.compile(r"spw_(?P<prefix>[a-z0-9]{8,12})_(?P<secret>[A-Za-z0-9_-]{43,128})")


@dataclass(frozen=True)
class KeyText:
    """The two parts of a key: the public prefix, by which it is looked up, and the secret."""

    prefix: str
    secret: str = field(repr=False)

    def reveal(self) -> str:
        """The whole key, shown once when it is created."""
        return f"{SCHEME}_{self.prefix}_{self.secret}"


def generate() -> KeyText:
    """A new key with 256 random bits."""
    prefix = "".join(secrets.choice(_PREFIX_ALPHABET) for _ in range(10))
    return KeyText(prefix=prefix, secret=secrets.token_urlsafe(32))


def parse(text: str) -> KeyText | None:
    """The parts of a key, or None if the text is not of this form."""
    found = _KEY.fullmatch(text)
    return KeyText(prefix=found["prefix"], secret=found["secret"]) if found else None


def hash_secret(secret: str) -> str:
    """SHA-256, hexadecimal. 256 random bits need no slow, salted hash, which every API call would pay for."""
    return hashlib.sha256(secret.encode()).hexdigest()


def matches(secret: str, secret_hash: str) -> bool:
    return hmac.compare_digest(hash_secret(secret), secret_hash)
