"""Whose calls an API key's calls count as, remembered by each process since the key was last authenticated.

This allows to count a call before the database is asked. It permits nothing: a key is checked in each call.
"""

from dataclasses import dataclass, field

from django.http import HttpRequest

from apps.bounded import BoundedDict
from apps.teams import keys
from apps.teams.actor import Actor
from apps.teams.keys import KeyText
from apps.teams.models import ApiKey
from apps.teams.throttling import caller_key


@dataclass(frozen=True, slots=True)
class KnownCaller:
    """What calls are counted by (`caller_key` and the team's ID), and the key's scopes."""

    counted_as: str
    team: str
    scopes: frozenset[str]


# By prefix and hash: the secret itself is not kept.
_CALLERS = BoundedDict[tuple[str, str], KnownCaller](10_000)


@dataclass(frozen=True, slots=True)
class PresentedKey:
    """The API key of a request, which is not authenticated yet, and whose it was before."""

    prefix: str
    secret_hash: str = field(repr=False)
    caller: KnownCaller


def presented_key(request: HttpRequest) -> PresentedKey | None:
    """None for a request without an API key, and for a key that this process has not authenticated yet."""
    scheme, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    key = keys.parse(text.strip()) if scheme.lower() == "bearer" else None
    if key is None:
        return None
    secret_hash = keys.hash_secret(key.secret)
    caller = _CALLERS.get((key.prefix, secret_hash))
    return None if caller is None else PresentedKey(key.prefix, secret_hash, caller)


def remember(api_key: ApiKey, actor: Actor) -> None:
    """`actor` was authenticated by the key."""
    known = KnownCaller(caller_key(actor), str(api_key.team_id), actor.scopes or frozenset())
    _CALLERS.put((api_key.prefix, api_key.secret_hash), known)


def forget(key: KeyText | None) -> None:
    """The key was rejected."""
    if key is not None:
        _CALLERS.remove((key.prefix, keys.hash_secret(key.secret)))
