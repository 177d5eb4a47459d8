"""One call: fresh credentials, the audit event, the service's response, at most one refresh after a 401, retries."""

import random
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from django.utils.translation import gettext_noop
from django.views.decorators.debug import sensitive_variables

from apps import egress
from apps.connections import metrics
from apps.connections.errors import (
    DestinationRefused,
    InvalidPath,
    NoServiceAnswer,
    ServiceTimeout,
    ServiceUnreachable,
)
from apps.connections.models import Connection
from apps.connections.services.signing import require_own_host
from apps.errors import NotFound, SpecwayError
from apps.gateway.proxy import challenge, ended_token, target
from apps.gateway.proxy.body import Body
from apps.gateway.proxy.call_options import CallOptions
from apps.gateway.proxy.concurrency import CALLS_IN_FLIGHT, shares_of
from apps.gateway.proxy.headers import (
    PARTIAL_REQUEST_HEADERS,
    Headers,
    response_headers,
    value_of,
    without,
)
from apps.gateway.proxy.recent_refreshes import RECENT_REFRESHES
from apps.gateway.proxy.redacted_response import without_secrets
from apps.gateway.proxy.redirects import followed, with_proxied_urls
from apps.gateway.proxy.response import ProxyResponse
from apps.gateway.services import calls
from apps.gateway.services.calls import RequestCredentials
from apps.gateway.services.repeated_call import UnknownCall, remember
from apps.gateway.services.revocation import CALLS_IN_PROGRESS, WatchedCall
from apps.integrations.reach import requests_to
from apps.oauth.expiry import retry_after
from apps.oauth.signing import RequestParts, SignedCredentials
from apps.request_slots import before_waiting, release_connection
from apps.teams.actor import Actor

T = TypeVar("T")
# Seconds. A longer wait is left to the caller, since it would occupy a thread.
_MAX_RETRY_DELAY = 10.0
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Call:
    """A call to make. `path` and `query` are percent-encoded as the caller sent them; `client` is the caller's socket.

    With `may_see_secrets` the response passes unchanged; otherwise the connection's secrets are redacted in it.
    `proxy_path` is our path that `path` continues, for redirects; `own_origins` are our addresses. With `unknown`, the
    call is remembered when it was recorded.
    """

    actor: Actor
    connection: Connection
    method: str
    path: str
    query: str = field(default="", repr=False)
    headers: Headers = field(default_factory=list, repr=False)
    body: Body = field(default_factory=Body, repr=False)
    options: CallOptions = field(default_factory=CallOptions)
    client: egress.ClientSocket | None = None
    from_browser: bool = False
    may_see_secrets: bool = False
    proxy_path: str = ""
    own_origins: tuple[str, ...] = ()
    unknown: UnknownCall | None = None

    @property
    def is_repeatable(self) -> bool:
        return self.body.is_buffered and self.method in egress.IDEMPOTENT


def send_call(call: Call) -> ProxyResponse:
    """The service's response, its body still unread; close it.

    Raises the domain errors of refreshes and calls, NotFound if the caller loses access while it waits, and
    egress.ClientDisconnected.
    """
    with calls.counting_refusals(call.connection):
        calls.require_scopes(call.connection, call.options.scopes)
        release = CALLS_IN_FLIGHT.acquire(shares_of_call(call))
    return in_flight(call, release, _record_and_send)


def shares_of_call(call: Call) -> dict[Hashable, int]:
    caller = call.actor.api_key or call.actor.user
    return shares_of(team=call.connection.team_id, caller=caller.pk if caller else None, connection=call.connection.pk)


def in_flight(call: Call, release: Callable[[], None], send: Callable[[Call, WatchedCall], T]) -> T:
    """What `send` returns. The call is watched, and its slot released, until the response is closed.

    Raises what `send` raises, and NotFound if the caller loses access while it waits.
    """
    watched = WatchedCall(call.connection, call.actor, call.client, path=f"/{call.path}"[:300])
    CALLS_IN_PROGRESS.add(watched)

    def end() -> None:
        CALLS_IN_PROGRESS.remove(watched)
        release()

    try:
        response = send(call, watched)
    except BaseException as error:
        end()
        if watched.is_revoked and isinstance(error, egress.ClientDisconnected):
            raise NotFound(gettext_noop("There is no such connection.")) from None
        raise
    if not isinstance(response, ProxyResponse):
        end()
        return response
    response.on_close(end)
    release_connection()
    return response


def _record_and_send(call: Call, watched: WatchedCall) -> ProxyResponse:
    connection = call.connection
    with calls.counting_refusals(connection):
        credentials = calls.credentials_for(connection, origin=call.actor.origin)
        request = upstream_request(call, credentials)
    calls.record_call(credentials, actor=call.actor, scopes=call.options.scopes, **described(call, watched))
    if call.unknown is not None:
        remember(call.unknown, actor=call.actor, credentials=credentials)
    return send_recorded(call, watched, credentials, request)


def described(call: Call, watched: WatchedCall) -> dict[str, str]:
    """What its audit events say about the call."""
    return {"call": watched.id, "method": call.method, "path": watched.path}


def send_recorded(
    call: Call, watched: WatchedCall, credentials: RequestCredentials, request: egress.Request
) -> ProxyResponse:
    """Send a call that is recorded already. Raises as `send_call`."""
    connection, started = call.connection, time.monotonic()
    what = described(call, watched)
    try:
        with metrics.proxy_wait(connection.integration):
            call, credentials, request, response = _send_and_follow(call, credentials, request, watched)
        return _proxy_response(call, credentials, request, response, watched, started)
    except SpecwayError as error:
        metrics.proxied(connection.integration, outcome=error.code)
        calls.record_failed_call(connection, actor=call.actor, code=error.code, **what)
        raise
    except egress.ClientDisconnected:
        metrics.proxied(connection.integration, outcome="client_gone")
        raise


@sensitive_variables()
def upstream_request(call: Call, credentials: RequestCredentials) -> egress.Request:
    """The request with the connection's credentials added. Raises ForeignHost, BodyTooLarge, InvalidPath."""
    host, path = target.split_host(call.path, credentials.named_base_urls.keys())
    base_url = credentials.named_base_urls[host] if host else credentials.base_url
    address = base_url.rstrip("/") + (f"/{path}" if path else "")
    url = f"{address}?{call.query}" if call.query else address
    require_own_host(call.connection, url, hosts=credentials.own_hosts)
    headers = dict(call.headers if call.may_see_secrets else without(call.headers, *PARTIAL_REQUEST_HEADERS))
    if not call.may_see_secrets or ended_token.reads_bodies(credentials.ended_token):
        headers["Accept-Encoding"] = "identity"
    is_form = value_of(call.headers, "content-type").lower().startswith(_FORM)
    signs_body = isinstance(credentials.access, SignedCredentials) and is_form
    parts = RequestParts(call.method, url, headers, call.body.buffered() if signs_body else None)
    try:
        signed = credentials.access.sign(parts)
    except ValueError:
        raise InvalidPath(
            gettext_noop("This service requires signed requests, and this query or form cannot be parsed.")
        ) from None
    overridden = {name: value for name, value in headers.items() if name.lower() in credentials.default_headers}
    overridden_names = {name.lower() for name in overridden}
    sent = {name: value for name, value in signed.headers.items() if name.lower() not in overridden_names} | overridden
    if not value_of(list(sent.items()), "user-agent"):
        sent["User-Agent"] = "Specway-Connections"
    return egress.Request(call.method, signed.url, list(sent.items()), call.body.content, call.body.length)


def _send_and_follow(
    call: Call, credentials: RequestCredentials, request: egress.Request, watched: WatchedCall
) -> tuple[Call, RequestCredentials, egress.Request, egress.Response]:
    """The last call with its credentials, request and response. Each followed redirect is recorded as a call."""
    response, credentials, request = _send_with_retries(call, credentials, request)
    for _ in range(call.options.redirects):
        following = followed(call, credentials, request, response)
        if following is None:
            break
        response.close()
        call, request = following, upstream_request(following, credentials)
        path = f"/{call.path}"[:300]
        calls.record_call(credentials, actor=call.actor, call=watched.id, method=call.method, path=path)
        response, credentials, request = _send_with_retries(call, credentials, request)
    return call, credentials, request, response


def _send_with_retries(
    call: Call, credentials: RequestCredentials, request: egress.Request
) -> tuple[egress.Response, RequestCredentials, egress.Request]:
    """The response that is returned to the caller, with its credentials and request."""
    retries = call.options.retries if call.is_repeatable else 0
    attempt, refreshed = 0, False
    while True:
        try:
            response = _send(call, request)
        except (ServiceUnreachable, NoServiceAnswer, ServiceTimeout):
            if attempt >= retries:
                raise
            delay = _backoff(attempt)
        else:
            if not refreshed and _says_ended(response, credentials) and RECENT_REFRESHES.may_refresh(credentials):
                refreshed = True
                renewed = _refresh(response, credentials, call)
                if renewed is not None and call.body.is_buffered:
                    response.close()
                    credentials, request = renewed, upstream_request(call, renewed)
                    continue
            if response.status not in call.options.retry_on or attempt >= retries:
                return response, credentials, request
            delay = _retry_delay(response, attempt)
            if delay > _MAX_RETRY_DELAY:
                return response, credentials, request
            response.close()
        before_waiting()
        egress.wait_for_client(delay, call.client)
        attempt += 1
        if isinstance(credentials.access, SignedCredentials):
            request = upstream_request(call, credentials)  # each request needs a signature of its own


def _says_ended(response: egress.Response, credentials: RequestCredentials) -> bool:
    return credentials.token_set is not None and ended_token.says_ended(response, credentials.ended_token)


def _refresh(response: egress.Response, credentials: RequestCredentials, call: Call) -> RequestCredentials | None:
    try:
        renewed = calls.refreshed_credentials(credentials, origin=call.actor.origin)
    except SpecwayError:
        response.close()
        raise
    if renewed is not None:
        RECENT_REFRESHES.add(renewed)
    return renewed


def _send(call: Call, request: egress.Request) -> egress.Response:
    name = call.connection.integration.name
    connection, timeouts = call.connection, egress.Timeouts(idle=call.options.idle_timeout)
    try:
        with requests_to(connection.integration, team=connection.team_id, oauth_app=connection.oauth_app):
            return egress.stream(request, timeouts=timeouts, partition=str(connection.pk), client=call.client)
    except egress.DestinationBlocked as error:
        raise DestinationRefused(
            gettext_noop("%(name)s is not called: %(error)s") % {"name": name, "error": error}
        ) from None
    except egress.NotSent as error:
        raise ServiceUnreachable(
            gettext_noop("%(name)s cannot be reached: %(error)s") % {"name": name, "error": error}
        ) from None
    except egress.TimedOut:
        raise ServiceTimeout(
            gettext_noop(
                "%(name)s sent nothing for %(idle_timeout)s s. It may have received the call: check before "
                "you repeat it."
            )
            % {"name": name, "idle_timeout": call.options.idle_timeout}
        ) from None
    except egress.NoResponse:
        raise NoServiceAnswer(
            gettext_noop(
                "%(name)s closed the connection without a response. It may have received the call: check "
                "before you repeat it."
            )
            % {"name": name}
        ) from None


def _retry_delay(response: egress.Response, attempt: int) -> float:
    requested = retry_after({name.title(): value for name, value in response.headers})
    return _backoff(attempt) if requested is None else requested


def _backoff(attempt: int) -> float:
    return 0.25 * (1 << attempt) * (1 + random.random())  # noqa: S311 - jitter, not a secret


@sensitive_variables()
def _proxy_response(
    call: Call,
    credentials: RequestCredentials,
    request: egress.Request,
    response: egress.Response,
    watched: WatchedCall,
    started: float,
) -> ProxyResponse:
    headers = response_headers(response.headers, to_browser=call.from_browser)
    headers = with_proxied_urls(call, credentials, request, headers)
    missing = challenge.insufficient_scope(response.status, response.headers)
    if missing is not None:
        calls.note_missing_scopes(call.connection, missing, actor=call.actor)
        headers.append(("Specway-Error", "missing_scopes"))
    chunks: Iterator[bytes] = iter(response)
    if not call.may_see_secrets:
        service, secrets = call.connection.integration.name, credentials.secrets
        headers, chunks = without_secrets(response, headers, method=call.method, service=service, secrets=secrets)
    is_rejected = ended_token.counts_as_rejected(response, credentials.ended_token)
    return ProxyResponse(
        response, headers, chunks, watched, method=call.method, started=started, is_rejected=is_rejected
    )
