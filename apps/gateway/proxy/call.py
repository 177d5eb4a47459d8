"""The way of a call: fresh access, the record, the service's answer, at most one renewal and a few retries."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.views.decorators.debug import sensitive_variables

from apps import egress
from apps.connections import metrics
from apps.connections.errors import (
    AnswerWithheld,
    DestinationRefused,
    InvalidPath,
    NoServiceAnswer,
    ServiceTimeout,
    ServiceUnreachable,
)
from apps.connections.models import Connection
from apps.connections.services.signing import require_own_host
from apps.errors import SpecwayError
from apps.gateway.proxy import challenge
from apps.gateway.proxy.body import Body
from apps.gateway.proxy.call_options import CallOptions
from apps.gateway.proxy.concurrency import CALLS_IN_FLIGHT
from apps.gateway.proxy.headers import IN_PIECES, Headers, all_of, to_caller, value_of, without
from apps.gateway.proxy.recent_refreshes import RECENT_REFRESHES
from apps.gateway.proxy.redaction import Redactor, inflated, redacted
from apps.gateway.proxy.response import ProxyResponse
from apps.gateway.services import calls
from apps.gateway.services.calls import RequestCredentials
from apps.oauth.signing import RequestParts, SignedAccess
from apps.oauth.token import retry_after
from apps.teams.actor import Actor

_TRY_AGAIN = frozenset({429, 502, 503, 504})
# A longer wait is the caller's: a thread that sleeps serves nobody.
_LONGEST_PAUSE = 10.0
_FORM = "application/x-www-form-urlencoded"
_DECODABLE = frozenset({"gzip", "x-gzip", "deflate"})
# Partial Content (RFC 9110 15.3.7) and IM Used (RFC 3229 10.4.1).
_PARTIAL = frozenset({206, 226})


@dataclass(frozen=True)
class Call:
    """What the caller wants sent. `rest` and `query` stand as they were sent; `client` is the caller's socket."""

    actor: Actor
    connection: Connection
    method: str
    rest: str
    query: str = field(default="", repr=False)
    headers: Headers = field(default_factory=list, repr=False)
    body: Body = field(default_factory=Body, repr=False)
    wishes: CallOptions = field(default_factory=CallOptions)
    client: egress.ClientSocket | None = None
    by_browser: bool = False
    sees_secret: bool = False

    @property
    def may_repeat(self) -> bool:
        return self.body.is_kept and self.method in egress.IDEMPOTENT


def forward(call: Call) -> ProxyResponse:
    """The service's answer, its body still to come; close it. Raises the domain errors of refreshes and of calls.

    Abandoned means that the caller has gone away, so there is nobody to tell.
    """
    calls.require_scopes(call.connection, call.wishes.scopes)
    give_back = CALLS_IN_FLIGHT.take()
    try:
        reply = _forwarded(call)
    except BaseException:
        give_back()
        raise
    reply.when_closed(give_back)
    return reply


def _forwarded(call: Call) -> ProxyResponse:
    connection = call.connection
    material = calls.credentials_for(connection, origin=call.actor.origin)
    request = _outgoing(call, material)
    calls.begin(material, actor=call.actor, method=call.method, path=f"/{call.rest}", scopes=call.wishes.scopes)
    started = time.monotonic()
    try:
        with metrics.proxy_wait(connection.integration):
            answer, material = _answer(call, material, request)
        return _reply(call, material, answer, started)
    except SpecwayError as error:
        metrics.proxied(connection.integration, outcome=error.code)
        calls.failed(connection, actor=call.actor, method=call.method, code=error.code)
        raise
    except egress.Abandoned:
        metrics.proxied(connection.integration, outcome="client_gone")
        raise


@sensitive_variables()
def _outgoing(call: Call, material: RequestCredentials) -> egress.Outgoing:
    """The request with the connection's access in it. Raises ForeignHost, BodyTooLarge, InvalidPath."""
    address = material.base_url.rstrip("/") + (f"/{call.rest}" if call.rest else "")
    url = f"{address}?{call.query}" if call.query else address
    require_own_host(call.connection, url)
    headers = dict(call.headers if call.sees_secret else without(call.headers, *IN_PIECES))
    if not call.sees_secret:
        headers["Accept-Encoding"] = "identity"
    is_form = value_of(call.headers, "content-type").lower().startswith(_FORM)
    signs_body = isinstance(material.access, SignedAccess) and is_form
    parts = RequestParts(call.method, url, headers, call.body.whole() if signs_body else None)
    try:
        signed = material.access.sign(parts)
    except ValueError:
        raise InvalidPath("This service wants requests signed, and query or form cannot be read for that.") from None
    own = {name: value for name, value in headers.items() if name.lower() in material.usual_headers}
    given = {name.lower() for name in own}
    sent = {name: value for name, value in signed.headers.items() if name.lower() not in given} | own
    if not value_of(list(sent.items()), "user-agent"):
        sent["User-Agent"] = "Specway-Connections"
    return egress.Outgoing(call.method, signed.url, list(sent.items()), call.body.content, call.body.length)


def _answer(
    call: Call, material: RequestCredentials, request: egress.Outgoing
) -> tuple[egress.Answer, RequestCredentials]:
    """The first answer that is neither renewed for nor retried, and the access that it was asked with."""
    retries = call.wishes.retries if call.may_repeat else 0
    tried, may_renew = 0, True
    while True:
        try:
            answer = _sent(call, request)
        except (ServiceUnreachable, NoServiceAnswer, ServiceTimeout):
            if tried >= retries:
                raise
            _pause(_backoff(tried), call)
            tried += 1
            continue
        if answer.status == 401 and may_renew and RECENT_REFRESHES.may_renew(material):
            may_renew = False
            newer = _renewed(answer, material, call)
            if newer is not None and call.body.is_kept:
                answer.close()
                material, request = newer, _outgoing(call, newer)
                continue
        pause = _wait_wanted(answer, tried)
        if answer.status not in _TRY_AGAIN or tried >= retries or pause > _LONGEST_PAUSE:
            return answer, material
        answer.close()
        _pause(pause, call)
        tried += 1
        if isinstance(material.access, SignedAccess):
            request = _outgoing(call, material)  # a signature is good for one request


def _renewed(answer: egress.Answer, material: RequestCredentials, call: Call) -> RequestCredentials | None:
    try:
        newer = calls.refreshed_credentials(material, origin=call.actor.origin)
    except SpecwayError:
        answer.close()
        raise
    if newer is not None:
        RECENT_REFRESHES.note(newer)
    return newer


def _sent(call: Call, request: egress.Outgoing) -> egress.Answer:
    name = call.connection.integration.name
    patience = egress.Patience(idle=call.wishes.silence)
    try:
        return egress.stream(request, patience=patience, partition=str(call.connection.pk), client=call.client)
    except egress.DestinationBlocked as error:
        raise DestinationRefused(f"{name} is not called: {error}") from None
    except egress.NotSent as error:
        raise ServiceUnreachable(f"{name} cannot be reached: {error}") from None
    except egress.TimedOut:
        raise ServiceTimeout(
            f"{name} was silent for {call.wishes.silence} s. The call may have arrived: look before you repeat it."
        ) from None
    except egress.NoAnswer:
        sentence = f"{name} broke off before it answered. The call may have arrived: look before you repeat it."
        raise NoServiceAnswer(sentence) from None


def _wait_wanted(answer: egress.Answer, tried: int) -> float:
    said = retry_after({name.title(): value for name, value in answer.headers})
    return _backoff(tried) if said is None else said


def _backoff(tried: int) -> float:
    return 0.25 * (1 << tried) * (1 + random.random())  # noqa: S311 - spreads load, guards nothing


def _pause(seconds: float, call: Call) -> None:
    egress.wait_for_client(seconds, call.client)


@sensitive_variables()
def _reply(call: Call, material: RequestCredentials, answer: egress.Answer, started: float) -> ProxyResponse:
    headers = to_caller(answer.headers, by_browser=call.by_browser)
    lacking = challenge.insufficient_scope(answer.status, answer.headers)
    if lacking is not None:
        calls.note_missing_scopes(call.connection, lacking, actor=call.actor)
        headers.append(("Specway-Error", "missing_scopes"))
    pieces: Iterator[bytes] = iter(answer)
    if not call.sees_secret:
        headers, pieces = _without_secrets(call, material, answer, headers)
    return ProxyResponse(answer, headers, pieces, call.connection, call.actor, call.method, started)


@sensitive_variables()
def _without_secrets(
    call: Call, material: RequestCredentials, answer: egress.Answer, headers: Headers
) -> tuple[Headers, Iterator[bytes]]:
    """Headers and body without the connection's secret. Raises AnswerWithheld where it cannot be looked for."""
    redactor = Redactor(material.secrets)
    pieces: Iterator[bytes] = iter(answer)
    coding, framing = (all_of(answer.headers, name) for name in ("content-encoding", "transfer-encoding"))
    if answer.status in _PARTIAL:
        answer.close()
        raise AnswerWithheld(
            f"{call.connection.integration.name} answered with a part only, though it was asked for all. In parts the "
            "connection's secret cannot be kept out of an answer."
        )
    if coding in _DECODABLE:
        headers = without(headers, "content-encoding", "content-length")
        pieces = inflated(pieces) if call.method != "HEAD" and answer.status not in (204, 304) else pieces
    elif coding not in ("", "identity") or framing not in ("", "identity", "chunked"):
        answer.close()
        named = redactor.text(coding or framing)[:20]
        raise AnswerWithheld(
            f"{call.connection.integration.name} encoded its answer in a way ({named}) in which the connection's "
            "secret cannot be kept out of it."
        )
    headers = [*without(headers, "accept-ranges"), ("Accept-Ranges", "none")]
    return redactor.headers(headers), redacted(pieces, redactor)
