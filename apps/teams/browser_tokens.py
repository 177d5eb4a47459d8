"""Short-lived tokens for programs in browsers: an API key's access, from one allowed origin, with fewer scopes.

A token is signed and not stored. It ends with its key, and is worth nothing from another origin or outside browsers'
rules: browsers send the true `Origin` with each request of a page to another site (Fetch Standard, 3.2).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core import signing
from django.utils import timezone

from apps.teams.models import ApiKey

SCHEME = "spwb_"
# What a page may do: nothing that returns or changes credentials, members or settings.
SCOPES = ("connections:read", "connections:use")
MIN_SECONDS, MAX_SECONDS = 60, 3600


@dataclass(frozen=True)
class BrowserToken:
    """What a token says: the ID of its key, the origin, the scopes."""

    key_id: str
    origin: str
    scopes: frozenset[str]


def issue(api_key: ApiKey, *, origin: str, scopes: list[str], seconds: int) -> tuple[str, datetime]:
    """A token and when it expires, which is not after the key. The caller has checked origin and scopes."""
    expires_at = timezone.now() + timedelta(seconds=seconds)
    if api_key.expires_at is not None:
        expires_at = min(expires_at, api_key.expires_at)
    payload = {"k": str(api_key.pk), "o": origin, "s": sorted(scopes), "e": int(expires_at.timestamp())}
    return SCHEME + _signer().sign_object(payload), expires_at


def read(text: str, *, now: datetime) -> BrowserToken | None:
    """What a token says; None if it is not one of ours or has expired."""
    if not text.startswith(SCHEME) or len(text) > 1000:
        return None
    try:
        payload: dict[str, Any] = _signer().unsign_object(text.removeprefix(SCHEME))
    except (signing.BadSignature, ValueError):
        return None
    if payload["e"] <= now.timestamp():
        return None
    return BrowserToken(payload["k"], payload["o"], frozenset(payload["s"]))


def _signer() -> signing.Signer:
    return signing.Signer(salt="apps.teams.browser_tokens", sep=".")
