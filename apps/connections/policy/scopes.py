"""Scopes as sets: which are granted, which are missing, and which are not compared. Pure."""

from collections.abc import Iterable

from apps.oauth.provider import ProviderConfig


def comparable(scopes: Iterable[str], provider: ProviderConfig) -> frozenset[str]:
    """The scopes by their canonical names, without those that no response repeats (such as `offline_access`)."""
    return frozenset(provider.scope_aliases.get(scope, scope) for scope in scopes) - provider.ignored_scopes


def granted(*, answered: frozenset[str] | None, requested: Iterable[str]) -> list[str]:
    """The scopes of the response, or those requested if it has none (RFC 6749 5.1). Sorted."""
    return sorted(requested if answered is None else answered)


def missing(*, wanted: Iterable[str], granted: Iterable[str], provider: ProviderConfig) -> list[str]:
    """Which of the wanted scopes were not granted, by name or as part of a larger one. Sorted."""
    have = comparable(granted, provider)
    absent = comparable(wanted, provider) - have
    return sorted(scope for scope in absent if have.isdisjoint(provider.scope_included_in.get(scope, frozenset())))
