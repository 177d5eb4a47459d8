"""What can go wrong with an authorization server: codes of the RFCs, no messages for people.

OAuthError
├─ TransportFailure       no complete response; `sent` says whether anything was sent                  transient
│  └─ EndpointRefused     the rules of egress forbid the address                                       permanent
├─ ProviderFault          5xx or 429, with `retry_after`                                               transient
├─ MalformedResponse      HTML, truncated JSON, wrong types, a redirect                                transient
│  └─ UnrecognizedRefusal  4xx without an OAuth error code
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
   └─ InvalidScope

No text or repr of these holds a token, an authorization code, or a part of a body.
"""

import re


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
        super().__init__(f"HTTP status {status}")
        self.status = status
        self.retry_after = retry_after


class MalformedResponse(OAuthError):
    """The response does not follow the RFC; `reason` names its shape, never its content."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnrecognizedRefusal(MalformedResponse):
    """A 4xx status without an OAuth error code. `description` is the server's own text, if any: show it escaped."""

    def __init__(self, status: int, reason: str, description: str = "") -> None:
        super().__init__(f"status {status}, {reason}")
        self.status = status
        self.description = description


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

    `about_redirect_uri`: its description speaks of the redirect URI, for which RFC 6749 5.2 has no code of its own.
    `description` is the server's own text, and part of neither `str()` nor `repr()`.
    """

    def __init__(self, code: str, *, about_redirect_uri: bool = False, description: str = "") -> None:
        self.code = safe_code(code)
        self.description = description
        self.about_redirect_uri = about_redirect_uri
        super().__init__(self.code)


class InvalidGrant(TokenError):
    """The code or refresh token is expired, revoked or issued to another client."""


class InvalidClient(TokenError):
    """The client's authentication failed."""


class UnauthorizedClient(TokenError):
    """The client is known but may not use this grant type."""


class InvalidScope(TokenError):
    """The scope is unknown or more than was granted."""


_BY_CODE: dict[str, type[TokenError]] = {
    "invalid_grant": InvalidGrant,
    "invalid_client": InvalidClient,
    "unauthorized_client": UnauthorizedClient,
    "invalid_scope": InvalidScope,
}


def token_error(code: str, *, description: object = None) -> TokenError:
    """The exception for an error code of RFC 6749 5.2 or the provider's own, with the provider's `description`."""
    about_redirect_uri = re.search(r"redirect[_ -]?ur[il]", str(description), re.IGNORECASE) is not None
    text = description if isinstance(description, str) else ""
    return _BY_CODE.get(code, TokenError)(code, about_redirect_uri=about_redirect_uri, description=text)


def safe_code(code: object) -> str:
    """An error code if it looks like one, else "unrecognized": a server might echo a secret in its place."""
    return code if isinstance(code, str) and re.fullmatch(r"[A-Za-z][A-Za-z_.-]{0,47}", code) else "unrecognized"
