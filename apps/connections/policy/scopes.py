"""Scopes as sets: granted, missing, and what is never compared. Pure."""

from collections.abc import Iterable

from apps.oauth.provider import ProviderConfig


def comparable(scopes: Iterable[str], provider: ProviderConfig) -> frozenset[str]:
    """The scopes by their canonical names, without those that no answer repeats (`offline_access` and the like)."""
    return frozenset(provider.scope_aliases.get(scope, scope) for scope in scopes) - provider.ignored_scopes


def granted(*, answered: frozenset[str] | None, requested: Iterable[str]) -> list[str]:
    """What the service granted: its answer, or, where it says nothing, what was asked for (RFC 6749 5.1). Sorted."""
    return sorted(requested if answered is None else answered)


def missing(*, wanted: Iterable[str], granted: Iterable[str], provider: ProviderConfig) -> list[str]:
    """Which of the wanted scopes were not granted, neither by name nor within a larger one. Sorted."""
    have = comparable(granted, provider)
    lacking = comparable(wanted, provider) - have
    return sorted(scope for scope in lacking if have.isdisjoint(provider.scope_included_in.get(scope, frozenset())))
