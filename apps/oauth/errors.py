"""What can go wrong with an authorization server: codes of the RFCs, no messages for people.

OAuthError
├─ TransportFailure       no complete response; `sent` says whether anything was sent                  transient
│  └─ EndpointRefused     the rules of egress forbid the address                                       permanent
├─ ProviderFault          5xx, 408, 425 or 429, with `retry_after`                                     transient
│  ├─ SlowDown            too many requests; counts against neither grant nor app                      transient
│  └─ TooEarly            refreshed before the provider allows it; counts against neither              transient
├─ MalformedResponse      a 2xx without a usable token (HTML, truncated JSON, …), a redirect           transient
├─ AuthorizationDenied    `error=` in the callback
├─ InvalidCallback        the callback does not follow RFC 6749
├─ IssuerMismatch         the callback comes from another authorization server (RFC 9207)
├─ ReservedParameter      an extra parameter or URL carries one that the protocol sets itself
├─ RevocationUnsupported  the provider has no way to revoke these tokens
├─ DiscoveryFailed        the metadata is not the issuer's
└─ TokenError             RFC 6749 5.2, by `code`
   ├─ InvalidGrant        the code or refresh token is expired or revoked
   ├─ InvalidClient       the OAuth app's ID or secret is wrong
   ├─ UnauthorizedClient  the OAuth app may not use this grant
   ├─ InvalidScope
   └─ UnrecognizedRefusal  any other code, or a 4xx without one                                        see there

No text or repr of these holds a token, an authorization code, or a part of a body.
"""

import re

from apps.errors import gettext_noop


class OAuthError(Exception):
    """An authorization server refused, failed or could not be reached."""


class TransportFailure(OAuthError):
    """No complete response. If `sent` is false, nothing was sent and the request can be repeated safely."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent


class EndpointRefused(TransportFailure):
    """Egress forbids the address; `reason` is the message that says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, sent=False)


class ProviderFault(OAuthError):
    """The server is overloaded or broken. `retry_after` is in seconds as the server sent it, not capped."""

    def __init__(self, status: int, retry_after: float | None = None) -> None:
        super().__init__(gettext_noop("HTTP status %(status)s") % {"status": status})
        self.status = status
        self.retry_after = retry_after


class SlowDown(ProviderFault):
    """The server did nothing, because too many requests came (by an error rule, or `slow_down` of RFC 8628 3.5).

    `status` is 429 whatever the response had, so that a caller that knows only ProviderFault backs off.
    """

    def __init__(self, retry_after: float | None = None, *, description: str = "") -> None:
        super().__init__(429, retry_after)
        self.description = description


class TooEarly(ProviderFault):
    """The server did nothing, because the access token lives too long still (by an error rule).

    `status` is 429 whatever the response had, as for SlowDown. Try again when the token is closer to its end.
    """

    def __init__(self, retry_after: float | None = None, *, description: str = "") -> None:
        super().__init__(429, retry_after)
        self.description = description


class MalformedResponse(OAuthError):
    """The response does not follow the RFC; `reason` names its shape, never its content."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AuthorizationDenied(OAuthError):
    """The callback says `error=`. `description` is the server's own text: show it escaped, after the state's check."""

    def __init__(self, error: str, description: str = "") -> None:
        self.error = safe_code(error)
        self.description = description
        super().__init__(self.error)


class InvalidCallback(OAuthError):
    """The callback's parameters are incomplete, repeated, too long or not text."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class IssuerMismatch(OAuthError):
    """The callback names another issuer than the one of the request, or none where one is promised."""


class ReservedParameter(OAuthError):
    """A URL or extra parameter carries a name that the protocol itself fills in."""


class RevocationUnsupported(OAuthError):
    """The provider has no revocation call, or none for the tokens given."""


class DiscoveryFailed(OAuthError):
    """The issuer has no usable metadata, or it is that of another issuer (RFC 8414 3.3)."""


class TokenError(OAuthError):
    """The server refused, with an OAuth error `code`. Make it with `token_error(code)`.

    `status`: that of HTTP, None if unknown. `description`: the service's own words, one line without secrets, to be
    shown escaped. `about_redirect_uri`: they speak of the redirect URI, for which RFC 6749 5.2 has no code.
    """

    def __init__(self, code: str, *, status: int | None = None, description: str = "") -> None:
        self.code = safe_code(code)
        self.status, self.description = status, description
        self.about_redirect_uri = re.search(r"redirect[_ -]?ur[il]", description, re.IGNORECASE) is not None
        super().__init__(self.code)


class InvalidGrant(TokenError):
    """The code or refresh token is expired, revoked or issued to another client."""


class InvalidClient(TokenError):
    """The client's authentication failed."""


class UnauthorizedClient(TokenError):
    """The client is known but may not use this grant type."""


class InvalidScope(TokenError):
    """The scope is unknown or more than was granted."""


class UnrecognizedRefusal(TokenError):
    """A refusal that is not understood: a 4xx other than 408, 425 and 429 without a code that RFC 6749 5.2 ties to
    grant, client or scope, with or without JSON, or an unknown error code in a 2xx.

    It may be a dead grant or a passing fault: what to make of it is for the caller, who knows how often it came.
    Without an error in the response, `has_code` is false and `code` names the status, such as "http_404".
    """

    def __init__(self, code: str, *, status: int | None = None, description: str = "") -> None:
        super().__init__(code, status=status, description=description)
        self.has_code = bool(code)
        if not code:
            self.code = f"http_{status}"
            self.args = (self.code,)


_BY_CODE: dict[str, type[TokenError]] = {
    "invalid_grant": InvalidGrant,
    "invalid_client": InvalidClient,
    "unauthorized_client": UnauthorizedClient,
    "invalid_scope": InvalidScope,
}


def token_error(
    code: str, *, status: int | None = None, description: str = "", otherwise: type[TokenError] = TokenError
) -> TokenError:
    """The exception for an error code of RFC 6749 5.2; `otherwise` is the class for any other code."""
    return _BY_CODE.get(code, otherwise)(code, status=status, description=description)


def safe_code(code: object) -> str:
    """An error code if it looks like one, else "unrecognized": a server might echo a secret in its place."""
    return code if isinstance(code, str) and re.fullmatch(r"[A-Za-z][A-Za-z_.-]{0,47}", code) else "unrecognized"
