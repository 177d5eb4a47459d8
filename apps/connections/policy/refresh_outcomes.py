"""What a failed refresh means, read from the error of the token request. Pure."""

import re
from enum import Enum

from apps.oauth.errors import (
    InvalidClient,
    InvalidGrant,
    MalformedResponse,
    OAuthError,
    ProviderFault,
    SlowDown,
    TokenError,
    TooEarly,
    TransportFailure,
    UnauthorizedClient,
)


class Outcome(Enum):
    """What a failed refresh means, and so who has to act."""

    NOT_SENT = "not_sent"  # nothing was sent, so a retry is safe
    SLOW_DOWN = "slow_down"  # 425, 429, or a code that says so: too many requests, or too early
    BUSY = "busy"  # 408 or 503: the service did not process the request
    UNKNOWN = "unknown"  # sent, without a response that says whether the refresh token was used
    MALFORMED = "malformed"  # a response that is not a token response
    GRANT_REFUSED = "grant_refused"  # invalid_grant, or a description that names the grant
    CONSENT_REQUIRED = "consent_required"  # OpenID Connect Core 3.1.2.6: only the person can resolve it
    CLIENT_REFUSED = "client_refused"  # invalid_client, unauthorized_client: this connection's, or the OAuth app
    REQUEST_REFUSED = "request_refused"  # another error code, or a 4xx without one


# Codes that ask to send less, whatever the status (RFC 8628 3.5 for the first).
_SLOW_DOWN_CODES = frozenset({"slow_down", "too_early", "rate_limited", "rate_limit_exceeded", "too_many_requests"})
_CONSENT_CODES = frozenset({"interaction_required", "login_required", "consent_required", "account_selection_required"})
# A refusal of the client whose description names one of these is about the grant (some services mix up the codes).
_ABOUT_GRANT = re.compile(r"refresh[ _-]?token|\bgrant\b(?![ _-]?type)|\busers?\b|consent|revo(k|c)", re.IGNORECASE)


def classify(error: OAuthError) -> Outcome:
    """The outcome of a protocol error (RFC 6749 5.2 for the codes)."""
    if isinstance(error, TransportFailure):
        return Outcome.UNKNOWN if error.sent else Outcome.NOT_SENT
    if isinstance(error, SlowDown | TooEarly):
        return Outcome.SLOW_DOWN
    if isinstance(error, ProviderFault):
        return _BY_STATUS.get(error.status, Outcome.UNKNOWN)
    if isinstance(error, MalformedResponse):
        return Outcome.MALFORMED
    return _classify_refusal(error) if isinstance(error, TokenError) else Outcome.REQUEST_REFUSED


_BY_STATUS = {408: Outcome.BUSY, 425: Outcome.SLOW_DOWN, 429: Outcome.SLOW_DOWN, 503: Outcome.BUSY}


def _classify_refusal(error: TokenError) -> Outcome:
    code = error.code.lower()
    if code in _SLOW_DOWN_CODES:
        return Outcome.SLOW_DOWN
    if code in _CONSENT_CODES:
        return Outcome.CONSENT_REQUIRED
    if isinstance(error, InvalidGrant):
        return Outcome.GRANT_REFUSED
    if isinstance(error, InvalidClient | UnauthorizedClient):
        return Outcome.GRANT_REFUSED if _ABOUT_GRANT.search(error.description) else Outcome.CLIENT_REFUSED
    return Outcome.REQUEST_REFUSED


def service_message(error: OAuthError) -> str:
    """The service's own description of a refusal, on one line, without anything that looks like a secret, bounded."""
    return shown_message(error.description) if isinstance(error, TokenError) else ""


def shown_message(description: str) -> str:
    """A service's text on one line, without anything that looks like a secret, at most 200 characters."""
    printable = "".join(char if char.isprintable() else " " for char in description)
    redacted = _LOOKS_SECRET.sub("…", " ".join(printable.split()))
    return redacted if len(redacted) <= 200 else redacted[:199] + "…"


# Unbroken strings of this length are no words: tokens, codes, keys, e-mail addresses and URLs among them.
_LOOKS_SECRET = re.compile(r"(?=\S*[0-9@/])\S{20,}|\S{40,}")
