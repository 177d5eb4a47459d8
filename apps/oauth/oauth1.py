"""OAuth 1.0a, three-legged (RFC 5849 section 2): request token, consent, access token; on requests-oauthlib.

Signatures are HMAC-SHA1 in the Authorization header. The callback is always named with the request for the request
token and has to be confirmed: without that (OAuth 1.0) an attacker could attach another account to a person's session.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import requests
from requests_oauthlib import OAuth1

from apps.errors import gettext_noop
from apps.oauth.authorization import check_endpoint, readable
from apps.oauth.errors import AuthorizationDenied, InvalidCallback, MalformedResponse, token_error
from apps.oauth.http import send
from apps.oauth.provider import ClientCredentials
from apps.oauth.refusals import raise_for_fault
from apps.oauth.token_response import TokenResponse

_MAX_QUERY = 16_384
# What a `state` begins with: no state of OAuth 2.0 holds a dot.
_STATE = "oauth1."
# Values of oauth_problem for "no" (OAuth Problem Reporting extension).
_DENIALS = ("permission_denied", "user_refused")


@dataclass(frozen=True)
class OAuth1Provider:
    """A service with OAuth 1.0a; URLs have their placeholders filled in.

    `scope_parameter` (of the authorization URL) takes the scopes joined by `scope_separator`; where
    `scope_is_one` a larger one includes the smaller, and only the last of them is sent.
    """

    slug: str
    name: str
    request_token_url: str
    authorization_url: str
    access_token_url: str
    authorization_params: Mapping[str, str] = field(default_factory=dict)
    request_headers: Mapping[str, str] = field(default_factory=dict)
    scope_parameter: str | None = None
    scope_separator: str = " "
    scope_is_one: bool = False
    kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class RequestToken:
    """A temporary credential: `token` is sent through the browser, `secret` is not."""

    token: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Callback:
    """The parameters of a callback. To be used only after `token` was found among the pending authorizations.

    Without a token it is a denial, which `state` identifies. `error` and `description` are the service's own.
    """

    token: str = field(repr=False)
    verifier: str | None = field(default=None, repr=False)
    state: str = ""
    error: str = ""
    description: str = ""


def request_token(
    provider: OAuth1Provider, credentials: ClientCredentials, *, callback: str, deadline: float = 20.0
) -> RequestToken:
    """Obtains a request token for `callback` (RFC 5849 2.1).

    Raises MalformedResponse unless the service confirms the callback, InvalidClient where it refuses the consumer key.
    """
    auth = OAuth1(credentials.client_id, client_secret=credentials.client_secret or "", callback_uri=callback)
    values = _call(provider, provider.request_token_url, auth, deadline, refusal="invalid_client")
    if values.get("oauth_callback_confirmed", "").strip().lower() != "true":
        raise MalformedResponse(gettext_noop("the callback was not confirmed"))
    return RequestToken(token=values["oauth_token"], secret=values["oauth_token_secret"])


def authorization_url(provider: OAuth1Provider, *, token: str, scopes: Sequence[str]) -> str:
    """The consent page for a request token (RFC 5849 2.2). Raises EndpointRefused."""
    check_endpoint(provider.authorization_url)
    parts = urlsplit(provider.authorization_url)
    parameters = dict(parse_qsl(parts.query, keep_blank_values=True)) | dict(provider.authorization_params)
    if provider.scope_parameter and scopes:
        asked = scopes[-1:] if provider.scope_is_one else scopes
        parameters[provider.scope_parameter] = provider.scope_separator.join(asked)
    parameters["oauth_token"] = token
    return urlunsplit(parts._replace(query=urlencode(parameters)))


def with_state(callback: str, identifier: str) -> str:
    """The callback URL with a `state`, by which a denial is recognized that names no request token.

    Services keep the query of a callback (RFC 5849 2.2); where one does not, the token identifies it.
    """
    return f"{callback}{'&' if '?' in callback else '?'}{urlencode({'state': _STATE + identifier})}"


def is_callback(query_string: str) -> bool:
    """Whether a callback is one of OAuth 1.0a: by its `state`, or without any by a request token, or a denied one."""
    values = dict(parse_qsl(query_string[:_MAX_QUERY], keep_blank_values=True))
    if "state" in values:
        return values["state"].startswith(_STATE)
    return not values.keys().isdisjoint({"oauth_token", "denied"})


def parse_callback(query_string: str) -> Callback:
    """Reads the callback's query string (without "?"). Raises InvalidCallback.

    A denial arrives as `denied=<token>`, as the token without a verifier, or with nothing but the `state` of
    `with_state` and perhaps an error: services differ.
    """
    if len(query_string) > _MAX_QUERY:
        raise InvalidCallback(gettext_noop("too long"))
    try:
        pairs = parse_qsl(query_string, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        raise InvalidCallback(gettext_noop("not a readable query string")) from None
    counts, values = Counter(name for name, _ in pairs), dict(pairs)
    for name in ("oauth_token", "oauth_verifier", "denied", "state"):
        if counts[name] > 1:
            raise InvalidCallback(gettext_noop("%(name)s is repeated") % {"name": name})
        if len(values.get(name, "")) > 2_048 or not values.get(name, "").isprintable():
            raise InvalidCallback(gettext_noop("%(name)s is too long or not text") % {"name": name})
    denied = values.get("denied") or ""
    token, verifier = values.get("oauth_token") or denied, values.get("oauth_verifier") or None
    state = values.get("state", "")
    if not token and (verifier or not state.startswith(_STATE)):
        raise InvalidCallback(gettext_noop("oauth_token is missing"))
    return Callback(
        token=token,
        verifier=None if denied else verifier,
        state=state.removeprefix(_STATE),
        error=values.get("error") or values.get("oauth_problem") or "",
        description=readable(values.get("error_description") or values.get("oauth_problem_advice") or ""),
    )


def verifier_of(callback: Callback) -> str:
    """The verifier that proves the consent. Raises AuthorizationDenied where there is none."""
    if callback.verifier is None:
        error = "access_denied" if callback.error in ("", *_DENIALS) else callback.error
        raise AuthorizationDenied(error, callback.description)
    return callback.verifier


def access_token(
    provider: OAuth1Provider,
    credentials: ClientCredentials,
    *,
    request: RequestToken,
    verifier: str,
    deadline: float = 20.0,
) -> TokenResponse:
    """Redeems a request token (RFC 5849 2.3). The token's secret is in `kept["oauth_token_secret"]`."""
    auth = OAuth1(
        credentials.client_id,
        client_secret=credentials.client_secret or "",
        resource_owner_key=request.token,
        resource_owner_secret=request.secret,
        verifier=verifier,
    )
    values = _call(provider, provider.access_token_url, auth, deadline, refusal="invalid_grant")
    kept = {name: values[name] for name in provider.kept if name in values}
    return TokenResponse(
        access_token=values["oauth_token"],
        token_type="oauth1",
        kept=kept | {"oauth_token_secret": values["oauth_token_secret"]},
    )


def _call(provider: OAuth1Provider, url: str, auth: OAuth1, deadline: float, *, refusal: str) -> dict[str, str]:
    headers = {"Accept": "*/*", **provider.request_headers}
    response = send("POST", url, auth=auth, headers=headers, deadline=deadline)
    return _read(response, refusal=refusal)


def _read(response: requests.Response, *, refusal: str) -> dict[str, str]:
    """The form-encoded pairs of a response with a token and its secret."""
    raise_for_fault(response.status_code, response.headers)
    if response.status_code in (400, 401, 403):
        # No codes in RFC 5849: what a refusal means depends on the request.
        raise token_error(refusal)
    if response.status_code != 200:
        raise MalformedResponse(
            gettext_noop("status %(status_code)s from a token endpoint") % {"status_code": response.status_code}
        )
    try:
        values = dict(parse_qsl(response.content.decode().strip(), strict_parsing=True, max_num_fields=100))
    except ValueError:
        raise MalformedResponse(gettext_noop("the response is not form-encoded")) from None
    for name in ("oauth_token", "oauth_token_secret"):
        if not values.get(name) or not values[name].isprintable():
            raise MalformedResponse(gettext_noop("%(name)s is missing or empty") % {"name": name})
    return values
