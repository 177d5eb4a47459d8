"""The REST API's door to services: any method, any path, bodies of any size."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps import egress
from apps.connections.errors import NotFromHere, ReauthorizationRequired
from apps.connections.policy.access import may_take_token
from apps.gateway.proxy import target
from apps.gateway.proxy.body import incoming
from apps.gateway.proxy.call import Call, forward
from apps.gateway.proxy.call_options import CallOptions, call_options
from apps.gateway.proxy.headers import to_service
from apps.gateway.proxy.response import CLIENT_GONE, ProxyResponse
from apps.gateway.services import calls
from apps.teams.actor import Actor
from apps.teams.authentication import actor_of

_WEBDAV = ("propfind", "proppatch", "mkcol", "copy", "move", "lock", "unlock", "report", "search")
_DOCUMENTED = ("get", "post", "put", "patch", "delete")


class _AsTheServiceDoes(BaseContentNegotiation):
    """Which media type the answer has is between the caller and the service; problems of ours are JSON."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


def _header(name: str, words: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=words)


def _documented(method: str) -> Any:
    return extend_schema(
        operation_id=f"connections_proxy_{method}",
        summary=f"Call the service ({method.upper()})",
        description=(
            "The service's own API through the connection: method, path, query, headers and body pass as they are, "
            "in both directions piece by piece, and the connection's access is added. The answer's status, headers and "
            "body are the service's own; where the failure is ours, `Specway-Error` holds the code of the problem "
            "document.\n\n"
            "`path` continues the service's base address. HEAD, OPTIONS and the methods of WebDAV pass too."
        ),
        parameters=[
            OpenApiParameter("path", str, OpenApiParameter.PATH, description="The path at the service."),
            _header("Specway-Scopes", "Scopes that the call needs; without one of them it is not made (409)."),
            _header("Specway-Retries", "0 to 3: how often GET, HEAD, OPTIONS, PUT and DELETE are tried again."),
            _header("Specway-Timeout", "1 to 600 seconds of silence after which the call is given up; usually 60."),
            _header("Specway-Workflow", 'The workflow that calls: `<id>; name="..."`.'),
            _header("Specway-Run", "The run of the workflow."),
        ],
        request=None if method in ("get", "delete") else {"*/*": OpenApiTypes.BINARY},
        responses={(200, "*/*"): OpenApiResponse(OpenApiTypes.BINARY, description="What the service answers.")},
    )


class ProxyView(APIView):
    """A call to the service through the connection."""

    required_scope = "connections:use"
    http_method_names = [*_DOCUMENTED, "head", "options", *_WEBDAV]
    content_negotiation_class = _AsTheServiceDoes
    answers_for_others = True
    # What the service says it allows or varies by is not to be written over.
    default_response_headers: dict[str, str] = {}

    @property
    def allowed_methods(self) -> list[str]:
        """Those that a schema can name."""
        return [method.upper() for method in _DOCUMENTED]

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        # The CSRF check would look for its token in the form, and so read a body that is not ours: the header counts.
        made = super().initialize_request(request, *args, **kwargs)
        nothing = {"_post": QueryDict(), "_data": QueryDict(), "_full_data": QueryDict(), "_files": MultiValueDict()}
        for each in (request, made):
            vars(each).update(nothing)
        return made

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if response.status_code == 405:
            response["Allow"] = ", ".join(self.allowed_methods)  # RFC 9110 15.5.6
        data = response.data
        response["Specway-Error"] = str(data.get("code", "error")) if isinstance(data, dict) else "error"
        return response

    def _forward(self, request: Request, pk: UUID, path: str = "") -> HttpResponseBase:
        actor, environ = actor_of(request), request.META
        by_browser = actor.api_key is None
        if by_browser:
            _require_own_page(environ)
        rest, query = target.as_sent(environ, path=request._request.path, rest=path)
        target.checked(rest, query)
        wishes = call_options(environ)
        client = _patient(environ.get("gunicorn.socket"), wishes)
        connection = calls.usable(actor=actor, pk=pk)
        try:
            call = Call(
                actor=actor,
                connection=connection,
                method=request.method or "GET",
                rest=rest,
                query=query,
                headers=to_service(environ, by_browser=by_browser),
                body=incoming(environ),
                wishes=wishes,
                client=client,
                by_browser=by_browser,
                sees_secret=_sees_secret(actor, connection),
            )
            return _response(forward(call))
        except egress.Abandoned:
            return HttpResponse(status=CLIENT_GONE)
        except ReauthorizationRequired as error:
            page = f"{settings.PUBLIC_URL}{reverse('connections:list')}#connection-{pk}"
            raise ReauthorizationRequired(error.sentence, reconnect_url=page) from None


def _passing_on(method: str) -> Any:
    """A view's method of its own for each, since each is documented by itself."""

    def pass_on(self: ProxyView, request: Request, pk: UUID, path: str = "") -> HttpResponseBase:
        return self._forward(request, pk, path)

    return _documented(method)(pass_on) if method in _DOCUMENTED else pass_on


for _method in ProxyView.http_method_names:
    setattr(ProxyView, _method, _passing_on(_method))


def _sees_secret(actor: Actor, connection: Any) -> bool:
    """Only who could take the token anyway is shown an answer as it stands; a browser never is."""
    may_have = actor.api_key is not None and actor.has_scope("connections:token")
    return may_have and may_take_token(actor, connection)


def _require_own_page(environ: Any) -> None:
    """Cookies come with every link that a person follows; also reading must not be done by following one."""
    site, mode = environ.get("HTTP_SEC_FETCH_SITE", "same-origin"), environ.get("HTTP_SEC_FETCH_MODE", "cors")
    if site != "same-origin" or mode == "navigate":
        raise NotFromHere("Services are called from pages of this site and with API keys, not by opening an address.")


def _patient(client: Any, wishes: CallOptions) -> Any:
    """The caller's socket, where the server tells it: whoever neither sends nor reads may do so for as long as this."""
    if client is not None:
        client.settimeout(wishes.silence)
    return client


def _response(reply: ProxyResponse) -> HttpResponseBase:
    response = StreamingHttpResponse(reply, status=reply.status)  # which closes it
    response._has_been_logged = True  # type: ignore[attr-defined]  # a service's failure is none of ours to log
    del response["Content-Type"]
    for name, value in reply.headers:
        # Lists may be joined (RFC 9110 5.3); of what may be there once, once is kept.
        together = name.lower() not in ("content-length", "content-type", "location", "etag", "retry-after")
        response[name] = f"{response[name]}, {value}" if name in response and together else value
    return response
