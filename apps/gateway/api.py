"""The proxy endpoint: a service's API through a connection, for any method, path and body."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.conf import settings
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
from apps.gateway.authentication import authenticate
from apps.gateway.proxy import target
from apps.gateway.proxy.body import read_body
from apps.gateway.proxy.call import Call, send_call
from apps.gateway.proxy.call_options import CallOptions, call_options
from apps.gateway.proxy.headers import request_headers
from apps.gateway.proxy.response import CLIENT_GONE, ProxyResponse
from apps.gateway.services import calls
from apps.rest.schema import PROBLEM
from apps.teams.actor import Actor

_DOCUMENTED_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@csrf_exempt  # `authenticate` checks the token
def proxy(request: HttpRequest, pk: UUID, path: str = "") -> HttpResponseBase:
    """Make a call and stream the service's response. Failures of ours are problem documents with `Specway-Error`."""
    try:
        actor = authenticate(request)
        if request.method in target.METHODS_NEVER_SENT:
            raise MethodNotAllowed(str(request.method))
        return _ServiceResponse(send_call(_call(request, actor, pk, path)))
    except egress.ClientDisconnected:
        return HttpResponse(status=CLIENT_GONE)
    except ReauthorizationRequired as error:
        url = f"{settings.PUBLIC_URL}{reverse('connections:list')}#connection-{pk}"
        return _problem(ReauthorizationRequired(error.sentence, reconnect_url=url))
    except (SpecwayError, APIException) as error:
        return _problem(error)


def _call(request: HttpRequest, actor: Actor, pk: UUID, path: str) -> Call:
    environ = request.META
    from_browser = actor.api_key is None
    service_path, query = target.raw_target(environ, path=request.path, service_path=path)
    target.require_safe(service_path, query)
    options = call_options(environ)
    connection = calls.usable_connection(actor=actor, pk=pk)
    return Call(
        actor=actor,
        connection=connection,
        method=environ["REQUEST_METHOD"],  # Django's own is upper case; methods are case-sensitive (RFC 9110 9.1)
        path=service_path,
        query=query,
        headers=request_headers(environ, from_browser=from_browser),
        body=read_body(environ),
        options=options,
        client=_client_socket(environ, options),
        from_browser=from_browser,
        may_see_secrets=_may_see_secrets(actor, connection),
        proxy_path=reverse("api:connection_proxy", kwargs={"pk": pk, "path": ""}),
        own_origins=(settings.PUBLIC_URL, f"{request.scheme}://{request.get_host()}"),
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
