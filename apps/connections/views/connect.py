"""Connect and Reconnect: JSON and a popup for the page's script, a redirect in the same tab without one."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from apps.connections.errors import AttemptSettled
from apps.connections.models import Connection
from apps.connections.services import authorize
from apps.connections.services.connection_params import required_params
from apps.connections.services.reconnect import ConnectRequest, reconnect_request
from apps.connections.views.cards import attempt_json, refusal_json
from apps.connections.views.lookup import integration_of, managed_connection
from apps.errors import NotFound, SpecwayError
from apps.integrations.catalog.entries import entry_for
from apps.integrations.forms import check_connect_request, parse_connect_request
from apps.integrations.key_forms import ValuesForm
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.oauth_apps.services import oauth_app_for
from apps.teams.actor import Actor
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest


@require_POST
@never_cache
@team_required
def connect(request: TeamRequest, slug: str) -> HttpResponse:
    """Start an authorization flow for a new connection."""
    integration = integration_of(request.actor, slug)
    try:
        oauth_app = oauth_app_for(request.actor.team, integration)
        scopes, params = parse_connect_request(entry_for(integration), request.POST, oauth_app=oauth_app)
        return _start(request, integration, scopes, params)
    except SpecwayError as error:
        return _refused(request, integration, error)


@require_POST
@never_cache
@team_required
def reconnect(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """Start an authorization flow for an existing connection, with the scopes of before and those of the form.

    With `exactly` in the form, only the scopes that are selected there.
    """
    connection = managed_connection(request.actor, connection_id)
    integration = connection.integration
    try:
        oauth_app = oauth_app_for(request.actor.team, integration)
        scopes, params = checked_reconnect_request(connection, oauth_app, _reconnect_request(request, connection))
        return _start(request, integration, scopes, params, connection)
    except SpecwayError as error:
        return _refused(request, integration, error)


@require_safe
@never_cache
@team_required
def values(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """The form for values that the service requires and the connection lacks, before a reconnect."""
    connection = managed_connection(request.actor, connection_id)
    form = ValuesForm(required_params(connection))
    context = {"connection": connection, "integration": connection.integration, "form": form}
    return render(request, "connections/values.html", context)


def _reconnect_request(request: TeamRequest, connection: Connection) -> ConnectRequest:
    selected = request.POST.getlist("scopes")
    return reconnect_request(
        connection=connection,
        oauth_app=oauth_app_for(request.actor.team, connection.integration),
        added_scopes=selected,
        exact_scopes=selected if "exactly" in request.POST else None,
        values={name.removeprefix("param."): request.POST[name] for name in request.POST if name.startswith("param.")},
    )


def checked_reconnect_request(
    connection: Connection, oauth_app: OAuthApp | None, request: ConnectRequest
) -> tuple[list[str], dict[str, str]]:
    """`(scopes, params)` as `authorize` takes them. Raises InvalidInput."""
    return check_connect_request(
        entry_for(connection.integration),
        scopes=request.scopes,
        others=request.extra_scopes,
        params=request.params,
        oauth_app=oauth_app,
    )


def _start(
    request: TeamRequest,
    integration: Integration,
    scopes: list[str],
    params: dict[str, str],
    connection: Connection | None = None,
) -> HttpResponse:
    cancel_earlier(request.actor, request.POST.get("instead_of", ""))
    flow = authorize.begin(
        actor=request.actor,
        integration=integration,
        scopes=scopes,
        params=params,
        session_key=request.session.session_key or "",
        in_popup=wants_json(request),
        return_path=request.POST.get("return_path", ""),
        connection=connection,
    )
    if not wants_json(request):
        return HttpResponseRedirect(flow.url)
    attempt = authorize.attempt_of(request.actor, flow.attempt.pk)
    return JsonResponse({"authorization_url": flow.url, **attempt_json(request, attempt)})


def cancel_earlier(actor: Actor, attempt_id: str) -> None:
    """Cancel the attempt that a new one replaces, if there is one that is still pending."""
    try:
        authorize.cancel(actor=actor, attempt=authorize.attempt_of(actor, UUID(attempt_id)))
    except (ValueError, NotFound, AttemptSettled):
        return


def _refused(request: TeamRequest, integration: Integration, error: SpecwayError) -> HttpResponse:
    if wants_json(request):
        return JsonResponse(refusal_json(request, error), status=error.status)
    context = {"error": error, "integration": integration}
    return render(request, "connections/refused.html", context, status=error.status)


def wants_json(request: HttpRequest) -> bool:
    """Whether the page's script makes the request; browsers that navigate accept HTML first."""
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"
