"""Scopes as sets: which are granted, which are missing, and which are not compared. Pure."""

from collections.abc import Iterable

from apps.oauth.scopes import comparable, missing

__all__ = ["comparable", "granted", "missing"]


def granted(*, answered: frozenset[str] | None, requested: Iterable[str]) -> list[str]:
    """The scopes of the response, or those requested if it has none (RFC 6749 5.1). Sorted."""
    return sorted(requested if answered is None else answered)
