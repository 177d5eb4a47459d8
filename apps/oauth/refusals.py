"""What a response without a token means: a refusal by its code, a fault of the server, or nothing that OAuth knows."""

import re
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

from apps.errors import gettext_noop
from apps.oauth.conditions import ErrorRule, matches
from apps.oauth.documents import Body
from apps.oauth.errors import (
    MalformedResponse,
    OAuthError,
    ProviderFault,
    SlowDown,
    TooEarly,
    UnrecognizedRefusal,
    safe_code,
    token_error,
)
from apps.oauth.expiry import retry_after
from apps.oauth.paths import passes, pick
from apps.oauth.provider import ProviderConfig

# RFC 6749 4.1.2.1 defines two codes in place of HTTP 503 and 500; some servers use them at the token endpoint as well.
_FAULTS = {"temporarily_unavailable": 503, "server_error": 500}
# Where services put an explanation for people, in the order in which it is looked for.
_DESCRIPTION_PATHS = (
    "error_description",
    "errorDescription",
    "error.message",
    "error.error_description",
    "error.description",
    "error_message",
    "message",
    "errors[0].message",
    "errors[0].detail",
    "errors[0].description",
    "errors[0]",
    "description",
    "detail",
    "reason",
    "title",
    "err",
    "error",
)
_MAX_DESCRIPTION = 300
_SHORTEST_SECRET = 6
_SECRET_PART = 12
# Looks like a token: long, without spaces, and with a digit.
_TOKEN_LIKE = re.compile(r"(?=[^\s]*[0-9])[A-Za-z0-9+/=_.~%-]{20,}")


def refusal(
    status: int, headers: Mapping[str, str], content: Body, provider: ProviderConfig, *, secrets: tuple[str, ...]
) -> OAuthError:
    """The exception for a response without a token: by the provider's rules, by its status, by its error code.

    `secrets` were sent, and are masked where the response repeats them.
    """
    document = content.document or {}
    description = described(content, secrets)
    rule = _matching_rule(status, content, provider)
    if rule:
        return _by_meaning(rule.means, status, headers, description)
    if is_fault(status):
        return ProviderFault(status, retry_after(headers))
    if 300 <= status < 400:
        return MalformedResponse(gettext_noop("status %(status)s: redirects are not followed") % {"status": status})
    error = document.get("error")
    if error or status >= 400 or (content.document is not None and not passes(provider.success_check, document)):
        meant = provider.error_aliases.get(str(error), error)
        return _by_meaning(safe_code(meant) if meant else "", status, headers, description)
    if content.document is None:
        return MalformedResponse(
            gettext_noop("status %(status)s, %(problem)s") % {"status": status, "problem": content.problem}
        )
    return MalformedResponse(gettext_noop("access_token is missing or empty"))


def _by_meaning(code: str, status: int, headers: Mapping[str, str], description: str) -> OAuthError:
    if code in _FAULTS:
        return ProviderFault(_FAULTS[code], retry_after(headers))
    if code == "slow_down":
        return SlowDown(retry_after(headers), description=description)
    if code == "too_early":
        return TooEarly(retry_after(headers), description=description)
    return token_error(code, status=status, description=description, otherwise=UnrecognizedRefusal)


def _matching_rule(status: int, content: Body, provider: ProviderConfig) -> ErrorRule | None:
    document, text = content.document, content.text
    rules = provider.error_rules
    return next((rule for rule in rules if matches(rule, status=status, document=document, text=text)), None)


def described(content: Body, secrets: tuple[str, ...]) -> str:
    """The service's own explanation: one line, at most 300 characters, without what was sent or looks like a token."""
    if content.document is not None:
        found = (pick(content.document, path) for path in _DESCRIPTION_PATHS)
        text = next((value for value in found if isinstance(value, str) and value.strip()), "")
    else:
        text = "" if content.text.startswith("<") else content.text
    text = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * _MAX_DESCRIPTION]).split())
    return _TOKEN_LIKE.sub("…", _masked(text, secrets))[:_MAX_DESCRIPTION]


def _masked(text: str, secrets: tuple[str, ...]) -> str:
    """The text with each secret, and each word that shares a long part with one, replaced by an ellipsis."""
    encodings = {form for secret in secrets for form in (secret, quote(secret, safe=""), quote_plus(secret))}
    known = sorted((form for form in encodings if len(form) >= _SHORTEST_SECRET), key=len, reverse=True)
    for form in known:
        text = re.sub(re.escape(form), "…", text, flags=re.IGNORECASE)
    return " ".join("…" if _shares_a_part(word, known) else word for word in text.split(" "))


def _shares_a_part(word: str, secrets: list[str]) -> bool:
    parts = {word[start : start + _SECRET_PART].lower() for start in range(len(word) - _SECRET_PART + 1)}
    return any(part in secret.lower() for secret in secrets for part in parts)


def is_fault(status: int) -> bool:
    """Whether a status is about the server's state and not about the request: 408, 425, 429 and 5xx."""
    return status in (408, 425, 429) or status >= 500


def raise_for_fault(status: int, headers: Mapping[str, str]) -> None:
    """Raises ProviderFault for 408, 425, 429 and 5xx."""
    if is_fault(status):
        raise ProviderFault(status, retry_after(headers))
