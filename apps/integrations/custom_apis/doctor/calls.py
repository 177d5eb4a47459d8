"""The calls of *Check configuration* to token, refresh and revocation endpoints, with made-up codes and tokens."""

import secrets
import time
from collections.abc import Callable
from dataclasses import replace

from django.views.decorators.debug import sensitive_variables

from apps import egress
from apps.integrations.custom_apis.doctor import TokenReply
from apps.integrations.custom_apis.doctor.observations import TokenResult
from apps.integrations.custom_apis.schema import Authentication
from apps.integrations.oauth_apps.probe import exchange_nonsense
from apps.oauth import revocation, token_request
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
from apps.oauth.provider import AuthMethod, ClientCredentials, ProviderConfig

ONE_CALL = 6.0  # seconds
ALL_CALLS = 25.0
_METHODS: tuple[AuthMethod, ...] = ("client_secret_basic", "client_secret_post", "none")


class Clock:
    """The deadline of the next call, limited by the time left for all calls."""

    def __init__(self) -> None:
        self._end = time.monotonic() + ALL_CALLS

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._end

    def next_call(self) -> float:
        return max(min(ONE_CALL, self._end - time.monotonic()), 0.1)


@sensitive_variables()
def token_replies(
    provider: ProviderConfig,
    credentials: ClientCredentials,
    callback: str,
    authentication: Authentication,
    clock: Clock,
) -> list[TokenReply]:
    """With the configured client authentication; if that is rejected, also with the other methods."""
    first = _reply(provider, credentials, callback, clock)
    if first.result not in ("client_refused", "other_error") or authentication.type != "oauth2":
        return [first]
    replies = [first]
    for method in _METHODS:
        can_try = method != first.method and (method == "none" or credentials.client_secret)
        if can_try and not clock.is_over:
            other = replace(provider, token_endpoint_auth_method=method)
            replies.append(_reply(other, credentials, callback, clock))
    return replies


@sensitive_variables()
def control_reply(
    provider: ProviderConfig, credentials: ClientCredentials, callback: str, clock: Clock
) -> TokenReply | None:
    """The same request with a made-up secret; None where there is no secret, or no time."""
    if credentials.client_secret is None or provider.token_endpoint_auth_method == "none" or clock.is_over:
        return None
    made_up = replace(credentials, client_secret=secrets.token_urlsafe(24))
    return _reply(provider, made_up, callback, clock)


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
def _reply(provider: ProviderConfig, credentials: ClientCredentials, callback: str, clock: Clock) -> TokenReply:
    deadline = clock.next_call()
    return _observed(
        provider.token_endpoint_auth_method,
        lambda: exchange_nonsense(provider, credentials, callback=callback, deadline=deadline),
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
    content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    seen = replace(reply, status=response.status_code, content_type=content_type[:60])
    # A 404 with an error in JSON is still not an OAuth endpoint.
    return replace(seen, result="no_oauth") if seen.status in (404, 410) else seen


def _read(method: str, error: OAuthError) -> TokenReply:
    if isinstance(error, UnrecognizedRefusal) and not error.has_code:
        return TokenReply(method, "no_oauth", failure=f"status {error.status} without an OAuth error")
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
