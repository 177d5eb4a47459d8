"""Scopes: read from responses and compared, by the provider's rules. Pure."""

import re

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
        notes.append("scope is neither text nor a list of texts: the granted scopes are unknown")
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
