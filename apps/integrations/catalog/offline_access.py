"""How services are asked for a refresh token, in the order in which to try it. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_noop

# Scopes and parameters that request a refresh token.
OFFLINE_SCOPES = frozenset({"offline_access", "offline.access", "offline", "refresh_token"})
OFFLINE_PARAMS = {"access_type": "offline", "token_access_type": "offline", "duration": "permanent"}
_SCOPE = "offline_access"  # OpenID Connect Core 11
_PROMPT = "prompt"


@dataclass(frozen=True)
class OfflineStep:
    """What to add to the authorization request: a scope, or a parameter with its value."""

    name: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.name}={self.value}" if self.value else self.name

    @property
    def label(self) -> str:
        """As in "Add the scope offline_access"."""
        return (
            gettext_noop("the authorization parameter %(step)s") % {"step": self}
            if self.value
            else gettext_noop("the scope %(step)s") % {"step": self}
        )


def requests_offline_access(scopes: Collection[str], parameters: Mapping[str, str]) -> bool:
    """Whether a request asks for a refresh token in one of the known ways."""
    asks = any(parameters.get(name) == value for name, value in OFFLINE_PARAMS.items())
    return asks or not OFFLINE_SCOPES.isdisjoint(scopes)


def next_step(scopes: Collection[str], parameters: Mapping[str, str]) -> OfflineStep | None:
    """What to try next after a request with `scopes` and `parameters` brought no refresh token.

    The scope first, then `access_type`, then `prompt`, unless that was sent with `offline_access` and `openid` anyway.
    None: everything was tried.
    """
    if OFFLINE_SCOPES.isdisjoint(scopes):
        return OfflineStep(_SCOPE)
    if not OFFLINE_PARAMS.keys() & parameters.keys():
        return OfflineStep("access_type", OFFLINE_PARAMS["access_type"])
    if _PROMPT not in parameters and not {"openid", _SCOPE}.issubset(scopes):
        return OfflineStep(_PROMPT, "consent")
    return None
