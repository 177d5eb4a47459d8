"""The calls of *Check configuration* to token, refresh and revocation endpoints, with made-up codes and tokens."""

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext_noop
from django.views.decorators.debug import sensitive_variables

from apps import egress
from apps.integrations.custom_apis.doctor import TokenReply
from apps.integrations.custom_apis.doctor.observations import TokenResult
from apps.integrations.oauth_apps.probe import exchange_nonsense
from apps.oauth import oauth1, revocation, token_request
from apps.oauth.errors import (
    EndpointRefused,
    InvalidClient,
    InvalidGrant,
    OAuthError,
    ProviderFault,
    TokenError,
    TransportFailure,
    UnauthorizedClient,
    UnrecognizedRefusal,
)
from apps.oauth.oauth1 import OAuth1Provider
from apps.oauth.provider import AuthMethod, ClientCredentials, ProviderConfig

ONE_CALL = 6.0  # seconds
ALL_CALLS = 25.0
METHOD_NAMES: dict[AuthMethod, str] = {name: name for name in ("client_secret_basic", "client_secret_post", "none")}
# These can depend on the client; whether they do, a made-up one shows.
_ABOUT_CLIENT = ("client_accepted", "client_refused", "client_unauthorized", "other_error", "bare_refusal")
_BARE_STATUSES = (400, 401, 403)


class Clock:
    """The deadline of the next call, limited by the time left for all calls."""

    def __init__(self) -> None:
        self._end = time.monotonic() + ALL_CALLS

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._end

    def next_call(self) -> float:
        return max(min(ONE_CALL, self._end - time.monotonic()), 0.1)


@dataclass(frozen=True)
class Client:
    """The client whose acceptance is checked, at one provider."""

    provider: ProviderConfig
    credentials: ClientCredentials = field(repr=False)
    callback: str

    @property
    def has_secret(self) -> bool:
        return self.credentials.client_secret is not None and self.provider.token_endpoint_auth_method != "none"


@sensitive_variables()
def token_replies(client: Client, clock: Clock, *, is_made_up: bool) -> list[TokenReply]:
    """With the configured client authentication, and with others where that leads nowhere; each with its controls.

    A client that `is_made_up` is sent once: where each connection has its own, there is no other.
    """
    first = _reply(client, METHOD_NAMES[client.provider.token_endpoint_auth_method], clock)
    if is_made_up or first.result not in _ABOUT_CLIENT:
        return [first]
    first = _with_controls(client, first, clock)
    if first.result == "client_accepted" or first.proves_secret or not client.has_secret:
        return [first]
    replies = [first]
    for name, provider in _other_ways(client):
        if clock.is_over:
            break
        other = replace(client, provider=provider)
        reply = _reply(other, name, clock)
        replies.append(reply if reply.equals(first) else _with_controls(other, reply, clock))
    return replies


def _other_ways(client: Client) -> Iterator[tuple[str, ProviderConfig]]:
    """The other methods of client authentication, and the header in the other encoding if that makes a difference."""
    provider, configured = client.provider, client.provider.token_endpoint_auth_method
    basic, with_secret = client.credentials.basic(), ("client_secret_basic", "client_secret_post")
    for method, name in METHOD_NAMES.items():
        if method != configured and method in with_secret:
            yield name, replace(provider, token_endpoint_auth_method=method)
    if basic != client.credentials.raw_basic():
        is_raw = provider.basic_credentials == "raw" and configured == "client_secret_basic"
        yield (
            "encoded" if is_raw else "raw",
            replace(
                provider,
                token_endpoint_auth_method="client_secret_basic",
                basic_credentials="encoded" if is_raw else "raw",
            ),
        )


@sensitive_variables()
def _with_controls(client: Client, reply: TokenReply, clock: Clock) -> TokenReply:
    """With the responses to the same request from a made-up client, and with a made-up secret."""
    made_up_id, made_up_secret = f"specway-test-{secrets.token_hex(6)}", secrets.token_urlsafe(24)
    if client.has_secret and not clock.is_over:
        with_secret = replace(client.credentials, client_secret=made_up_secret)
        reply = replace(reply, made_up_secret=_reply(replace(client, credentials=with_secret), reply.method, clock))
    if not clock.is_over:
        stranger = ClientCredentials(made_up_id, made_up_secret if client.has_secret else None)
        reply = replace(reply, made_up_client=_reply(replace(client, credentials=stranger), reply.method, clock))
    return reply


@sensitive_variables()
def signed_replies(provider: OAuth1Provider, credentials: ClientCredentials, callback: str, clock: Clock) -> TokenReply:
    """The response to a request for a request token (RFC 5849 2.1), with its controls."""

    def reply(of: ClientCredentials) -> TokenReply:
        deadline = clock.next_call()
        seen = _observed("oauth1", lambda: oauth1.request_token(provider, of, callback=callback, deadline=deadline))
        return replace(seen, result="client_accepted") if seen.result == "accepted_nonsense" else seen

    first = reply(credentials)
    if first.result not in _ABOUT_CLIENT or clock.is_over:
        return first
    made_up = replace(credentials, client_secret=secrets.token_urlsafe(24))
    first = replace(first, made_up_secret=reply(made_up))
    return replace(first, made_up_client=reply(replace(made_up, client_id=f"specway-test-{secrets.token_hex(6)}")))


@sensitive_variables()
def refresh_reply(provider: ProviderConfig, credentials: ClientCredentials, clock: Clock) -> TokenReply:
    """The response of the refresh URL to a made-up refresh token."""
    token, deadline = _made_up_token(), clock.next_call()
    return _observed(
        provider.token_endpoint_auth_method,
        lambda: token_request.refresh(provider, credentials, refresh_token=token, deadline=deadline),
    )


@sensitive_variables()
def revocation_reply(provider: ProviderConfig, credentials: ClientCredentials, clock: Clock) -> TokenReply:
    """The response of the revocation URL to a made-up token: success (RFC 7009 2.2), unless it is an HTML page."""
    token, deadline, method = _made_up_token(), clock.next_call(), provider.token_endpoint_auth_method
    reply = _observed(
        method,
        lambda: revocation.revoke(provider, credentials, access_token=None, refresh_token=token, deadline=deadline),
    )
    if reply.is_html and reply.result == "accepted_nonsense":
        return replace(reply, result="no_oauth")
    return reply


def _made_up_token() -> str:
    return f"specway-test-{secrets.token_urlsafe(16)}"


@sensitive_variables()
def _reply(client: Client, method: str, clock: Clock) -> TokenReply:
    deadline, provider, credentials = clock.next_call(), client.provider, client.credentials
    return _observed(
        method, lambda: exchange_nonsense(provider, credentials, callback=client.callback, deadline=deadline)
    )


@sensitive_variables()
def _observed(method: str, call: Callable[[], object]) -> TokenReply:
    exchanges: list[egress.Exchange] = []
    try:
        with egress.observed(exchanges.append):
            call()
    except OAuthError as error:
        return _with_response(_read(method, error), exchanges)
    return _with_response(TokenReply(method, "accepted_nonsense"), exchanges)


@sensitive_variables()
def _with_response(reply: TokenReply, exchanges: list[egress.Exchange]) -> TokenReply:
    """With status and content type of the response, which the errors of the protocol do not hold."""
    response = exchanges[-1].response if exchanges else None
    if response is None:
        return reply
    # An empty body is no page, whatever its type: django-oauth-toolkit answers a revocation so.
    content_type = response.headers.get("Content-Type", "") if response.content.strip() else ""
    content_type = content_type.partition(";")[0].strip().lower()
    seen = replace(reply, status=response.status_code, content_type=content_type[:60])
    # A 404 with an error in JSON is still not an OAuth endpoint, and neither is an HTML page.
    is_other = seen.status in (404, 410) or (seen.result == "bare_refusal" and seen.is_html)
    return replace(seen, result="no_oauth") if is_other else seen


def _read(method: str, error: OAuthError) -> TokenReply:
    if isinstance(error, UnrecognizedRefusal) and not error.has_code:
        result: TokenResult = "bare_refusal" if error.status in _BARE_STATUSES else "no_oauth"
        return TokenReply(
            method, result, failure=gettext_noop("status %(status)s without an OAuth error") % {"status": error.status}
        )
    if isinstance(error, TokenError):
        return TokenReply(method, _result_of(error), code=error.code)
    if isinstance(error, EndpointRefused):
        return TokenReply(method, "refused_by_us", failure=error.reason)
    if isinstance(error, TransportFailure):
        return TokenReply(method, "silent" if error.sent else "unreachable", failure=error.reason)
    if isinstance(error, ProviderFault):
        return TokenReply(method, "fault", status=error.status)
    return TokenReply(method, "no_oauth", failure=getattr(error, "reason", ""))


def _result_of(error: TokenError) -> TokenResult:
    if error.about_redirect_uri or "redirect_uri" in error.code:
        return "redirect_uri"
    if isinstance(error, InvalidGrant):
        return "client_accepted"
    if isinstance(error, InvalidClient):
        return "client_refused"
    return "client_unauthorized" if isinstance(error, UnauthorizedClient) else "other_error"
