"""The doctor's calls to token, refresh and revocation endpoints, with codes and tokens that nobody gave out."""

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
)
from apps.oauth.provider import AuthMethod, ClientCredentials, ProviderConfig

ONE_CALL = 6.0  # seconds
ALL_CALLS = 25.0
_METHODS: tuple[AuthMethod, ...] = ("client_secret_basic", "client_secret_post", "none")


class Clock:
    """Seconds for the next call: never more than are left of all."""

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
    """The configured way first; where it is refused, the same credentials in the other ways."""
    first = _reply(provider, credentials, callback, clock)
    if first.result not in ("client_refused", "other_error") or authentication.type != "oauth2":
        return [first]
    replies = [first]
    for method in _METHODS:
        fits = method != first.method and (method == "none" or credentials.client_secret)
        if fits and not clock.is_over:
            other = replace(provider, token_endpoint_auth_method=method)
            replies.append(_reply(other, credentials, callback, clock))
    return replies


@sensitive_variables()
def refresh_reply(provider: ProviderConfig, credentials: ClientCredentials, clock: Clock) -> TokenReply:
    """What the refresh URL says to a refresh token that nobody gave out."""
    token, deadline = _made_up(), clock.next_call()
    return _asked(
        provider.token_endpoint_auth_method,
        lambda: token_request.refresh(provider, credentials, refresh_token=token, deadline=deadline),
    )


@sensitive_variables()
def revocation_reply(provider: ProviderConfig, credentials: ClientCredentials, clock: Clock) -> TokenReply:
    """What the revocation URL says to the same: nothing against it (RFC 7009 2.2). A page for people is no such answer,
    whatever its status."""
    token, deadline, method = _made_up(), clock.next_call(), provider.token_endpoint_auth_method
    reply = _asked(
        method,
        lambda: revocation.revoke(provider, credentials, access_token=None, refresh_token=token, deadline=deadline),
    )
    if reply.is_html and reply.result == "accepted_nonsense":
        return replace(reply, result="no_oauth")
    return reply


def _made_up() -> str:
    return f"specway-test-{secrets.token_urlsafe(16)}"


@sensitive_variables()
def _reply(provider: ProviderConfig, credentials: ClientCredentials, callback: str, clock: Clock) -> TokenReply:
    deadline = clock.next_call()
    return _asked(
        provider.token_endpoint_auth_method,
        lambda: exchange_nonsense(provider, credentials, callback=callback, deadline=deadline),
    )


@sensitive_variables()
def _asked(method: str, call: Callable[[], object]) -> TokenReply:
    answers: list[egress.Exchange] = []
    try:
        with egress.observed(answers.append):
            call()
    except OAuthError as error:
        return _with_answer(_read(method, error), answers)
    return _with_answer(TokenReply(method, "accepted_nonsense"), answers)


@sensitive_variables()
def _with_answer(reply: TokenReply, answers: list[egress.Exchange]) -> TokenReply:
    """With the status and content type that came, which the protocol's errors do not tell apart."""
    answer = answers[-1].response if answers else None
    if answer is None:
        return reply
    content_type = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return replace(reply, status=answer.status_code, content_type=content_type[:60])


def _read(method: str, error: OAuthError) -> TokenReply:
    result: TokenResult
    if isinstance(error, TokenError):
        if error.about_redirect_uri or "redirect_uri" in error.code:
            result = "redirect_uri"
        elif isinstance(error, InvalidGrant):
            result = "client_accepted"
        elif isinstance(error, InvalidClient):
            result = "client_refused"
        else:
            result = "client_unauthorized" if isinstance(error, UnauthorizedClient) else "other_error"
        return TokenReply(method, result, code=error.code)
    if isinstance(error, EndpointRefused):
        return TokenReply(method, "refused_by_us", failure=error.reason)
    if isinstance(error, TransportFailure):
        return TokenReply(method, "silent" if error.sent else "unreachable", failure=error.reason)
    if isinstance(error, ProviderFault):
        return TokenReply(method, "fault", status=error.status)
    return TokenReply(method, "no_oauth", failure=getattr(error, "reason", ""))
