"""Scopes: read from responses and compared, by the provider's rules. Pure."""

import re
from collections.abc import Iterable

from apps.errors import gettext_noop
from apps.oauth.provider import ProviderConfig


def scopes_of(value: object, provider: ProviderConfig, notes: list[str]) -> frozenset[str] | None:
    """The scopes of a response, which may be text or a list of texts; None if it has none, or something else.

    Text is split at the separator of the provider's data, else at white space and commas.
    """
    if value is None:
        return None
    if isinstance(value, str):
        value = _split(value, provider)
    if not isinstance(value, list) or not all(isinstance(scope, str) for scope in value):
        notes.append(gettext_noop("scope is neither text nor a list of texts: the granted scopes are unknown"))
        return None
    # PostgreSQL stores no NUL and no half of a surrogate pair: a scope that is not text must not cost a rotated token.
    return frozenset(scope.strip() for scope in value if scope.strip() and scope.isprintable())


def scopes_in(text: str, provider: ProviderConfig) -> frozenset[str]:
    """The scopes that a callback names."""
    return scopes_of(text, provider, []) or frozenset()


def _split(text: str, provider: ProviderConfig) -> list[str]:
    if provider.scope_response_separator:
        separator = provider.scope_response_separator
        return text.split() if separator == " " else text.split(separator)
    requested = re.escape(provider.scope_separator.strip())
    return re.split(rf"[\s,]|{requested}" if requested else r"[\s,]", text)


def comparable(scopes: Iterable[str], provider: ProviderConfig) -> frozenset[str]:
    """The scopes in the form in which they are compared, without those that no response repeats (`offline_access`).

    By the provider's data, a prefix such as that of a resource and upper and lower case make no difference, and an
    alias counts as its scope.
    """
    aliases = {_normal(alias, provider): _normal(name, provider) for alias, name in provider.scope_aliases.items()}
    normal = (_normal(scope, provider) for scope in scopes)
    ignored = {_normal(scope, provider) for scope in provider.ignored_scopes}
    return frozenset(aliases.get(scope, scope) for scope in normal) - ignored


def missing(*, wanted: Iterable[str], granted: Iterable[str], provider: ProviderConfig) -> list[str]:
    """Which of the wanted scopes were not granted, neither by name nor within a larger one: their names, sorted."""
    have = comparable(granted, provider)
    names = {provider.scope_aliases.get(scope, scope) for scope in wanted}
    return sorted(name for name in names if not _is_granted(name, have, provider))


def _is_granted(name: str, have: frozenset[str], provider: ProviderConfig) -> bool:
    """True also for what is never compared."""
    larger = provider.scope_included_in.get(name, frozenset())
    wanted = comparable([name], provider)
    return not wanted or not have.isdisjoint(wanted | comparable(larger, provider))


def _normal(scope: str, provider: ProviderConfig) -> str:
    for prefix in provider.scope_prefixes:
        scope = scope.removeprefix(prefix)
    return scope if provider.scopes_are_case_sensitive else scope.casefold()
