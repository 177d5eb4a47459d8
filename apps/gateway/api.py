"""The proxy endpoint: a service's API through a connection, for any method, path and body."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import APIException, MethodNotAllowed
from rest_framework.settings import api_settings

from apps import egress
from apps.connections.errors import ReauthorizationRequired
from apps.connections.models import Connection
from apps.connections.policy.access import may_take_token
from apps.errors import SpecwayError
from apps.gateway.authentication import SCOPE, authenticate
from apps.gateway.proxy import target
from apps.gateway.proxy.body import Body, read_body
from apps.gateway.proxy.call import Call, send_call
from apps.gateway.proxy.call_options import CallOptions, call_options
from apps.gateway.proxy.headers import request_headers
from apps.gateway.proxy.repeated import send_repeated
from apps.gateway.proxy.response import CLIENT_GONE, ProxyResponse
from apps.gateway.services import calls, repeated_call
from apps.gateway.services.repeated_call import CallKey, RepeatedCall, UnknownCall
from apps.rest.schema import PROBLEM
from apps.teams.actor import Actor
from apps.teams.known_callers import presented_key
from apps.teams.origin import of_program, with_usage
from apps.teams.throttling import COUNTED, count_call, note_counted

logger = logging.getLogger(__name__)

_DOCUMENTED_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@csrf_exempt  # `authenticate` checks the token
def proxy(request: HttpRequest, pk: UUID, path: str = "") -> HttpResponseBase:
    """Make a call and stream the service's response. Failures of ours are problem documents with `Specway-Error`."""
    try:
        return _ServiceResponse(_send(_Incoming(request, pk, path)))
    except egress.ClientDisconnected:
        return HttpResponse(status=CLIENT_GONE)
    except ReauthorizationRequired as error:
        url = f"{settings.PUBLIC_URL}{reverse('connections:list')}#connection-{pk}"
        return _problem(ReauthorizationRequired(error.sentence, reconnect_url=url))
    except (SpecwayError, APIException) as error:
        return _problem(error)


def _send(incoming: "_Incoming") -> ProxyResponse:
    """The response to a call that one statement records, because it was allowed before, or by the ordinary path."""
    known = _known_call(incoming)
    if isinstance(known, RepeatedCall):
        sent = _send_again(incoming, known)
        if isinstance(sent, ProxyResponse):
            return sent
        known = sent
    actor = authenticate(incoming.request)
    if incoming.request.method in target.METHODS_NEVER_SENT:
        raise MethodNotAllowed(str(incoming.request.method))
    return send_call(incoming.call(actor, partial(calls.usable_connection, actor=actor, pk=incoming.pk), unknown=known))


def _known_call(incoming: "_Incoming") -> RepeatedCall | UnknownCall | None:
    """The call as it was allowed before, or what is known of it. It is counted, but nothing is checked yet."""
    request = incoming.request
    key = presented_key(request) if repeated_call.is_available() else None
    if key is None or SCOPE not in key.caller.scopes or request.method in target.METHODS_NEVER_SENT:
        return None
    if "HTTP_SPECWAY_SCOPES" in request.META:
        return None
    state = count_call("default", key.caller.counted_as, key.caller.team)
    note_counted(request, state)
    if state is not None and state.is_over:
        return None
    call_key = CallKey(key.prefix, key.secret_hash, incoming.pk)
    try:
        allowed = repeated_call.repeated_call(call_key, origin=with_usage(of_program(request), request))
        return allowed or repeated_call.present_version(call_key)
    except SpecwayError:
        return None
    except DatabaseError as error:
        logger.warning("the version of a call was not read error=%s", type(error).__name__)
        return None


def _send_again(incoming: "_Incoming", known: RepeatedCall) -> ProxyResponse | UnknownCall | None:
    try:
        call = incoming.call(known.actor, lambda: known.connection)
    except SpecwayError:  # reported by the ordinary path, if the caller is still allowed to know
        return None
    request = vars(incoming.request)
    request["rate_limit"] = request[COUNTED]  # for RateLimitHeaders, with a response and with an error of the call
    sent = send_repeated(call, known)
    if not isinstance(sent, ProxyResponse):
        del request["rate_limit"]
    return sent


@dataclass(frozen=True)
class _Incoming:
    """A request for a call: the connection's ID, and the end of the path that belongs to the service, decoded."""

    request: HttpRequest
    pk: UUID
    path: str

    @cached_property
    def body(self) -> Body:
        """Read once, whichever way the call takes."""
        return read_body(self.request.META)

    def call(
        self, actor: Actor, find_connection: Callable[[], Connection], *, unknown: UnknownCall | None = None
    ) -> Call:
        """Raises InvalidPath, InvalidHeader, what `find_connection` raises, and egress.ClientDisconnected."""
        request, environ = self.request, self.request.META
        from_browser = actor.api_key is None
        service_path, query = target.raw_target(environ, path=request.path, service_path=self.path)
        target.require_safe(service_path, query)
        options = call_options(environ)
        connection = find_connection()
        return Call(
            actor=actor,
            connection=connection,
            method=environ["REQUEST_METHOD"],  # Django's own is upper case; methods are case-sensitive (RFC 9110 9.1)
            path=service_path,
            query=query,
            headers=request_headers(environ, from_browser=from_browser),
            body=self.body,
            options=options,
            client=_client_socket(environ, options),
            from_browser=from_browser,
            may_see_secrets=_may_see_secrets(actor, connection),
            proxy_path=request.path.removesuffix(self.path),
            own_origins=(settings.PUBLIC_URL, f"{request.scheme}://{request.get_host()}"),
            unknown=unknown,
        )


def _may_see_secrets(actor: Actor, connection: Connection) -> bool:
    """Only a caller who could take the token anyway gets responses unchanged; a browser never does."""
    may_have = actor.api_key is not None and actor.has_scope("connections:token")
    return may_have and may_take_token(actor, connection)


def _client_socket(environ: Any, options: CallOptions) -> egress.ClientSocket | None:
    """The caller's socket, where the server exposes it. The idle timeout also holds for a caller that stops reading."""
    client: egress.ClientSocket | None = environ.get("gunicorn.socket")
    if client is not None:
        client.settimeout(options.idle_timeout)
    return client


class _ServiceResponse(StreamingHttpResponse):
    """The service's response; Django closes it."""

    # Django logs each response from 400 on (django.utils.log.log_response); a service's failure is not ours to log.
    _has_been_logged = True

    def __init__(self, response: ProxyResponse) -> None:
        chunks: Iterator[bytes] | ProxyResponse = response
        super().__init__(chunks)
        self.status_code = response.status  # services also use 600 to 999, which Django would refuse as an argument
        del self["Content-Type"]
        for name, value in response.headers:
            self[name] = value


def _problem(error: Exception) -> HttpResponse:
    """The problem document of an error, as for every other endpoint, and its code in `Specway-Error`."""
    answered: Any = api_settings.EXCEPTION_HANDLER(error, {})  # type: ignore[operator]  # the stubs have the setting's text
    response = JsonResponse(answered.data, status=answered.status_code, content_type=PROBLEM)
    if isinstance(error, MethodNotAllowed):
        response["Allow"] = ", ".join(_DOCUMENTED_METHODS)  # others are sent too (RFC 9110 15.5.6 requires a list)
    for name in ("Retry-After", "WWW-Authenticate"):
        if name in answered.headers:
            response[name] = answered.headers[name]
    response["Specway-Error"] = answered.data["code"]
    return response
