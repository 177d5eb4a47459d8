"""Setting out: Connect and Reconnect, from the page's script (JSON, popup) or without one (a redirect, same tab)."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from apps.connections.errors import AttemptSettled
from apps.connections.models import Connection
from apps.connections.services import authorize
from apps.connections.services.connection_params import required_params
from apps.connections.views.cards import attempt_answer, refusal_answer
from apps.connections.views.lookup import integration_of, managed_connection
from apps.errors import NotFound, SpecwayError
from apps.integrations.catalog.entries import entry_for
from apps.integrations.forms import check_connect_request, parse_connect_request
from apps.integrations.key_forms import ValuesForm
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.oauth_apps.offered_scopes import offer_of
from apps.integrations.oauth_apps.services import oauth_app_for
from apps.teams.actor import Actor
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest

# The permissions to ask for and the values of the parameters, as `apps.integrations.forms` gives them.
Wish = tuple[list[str], dict[str, str]]


@require_POST
@never_cache
@team_required
def connect(request: TeamRequest, slug: str) -> HttpResponse:
    """Begin a trip that makes a new connection."""
    integration = integration_of(request.actor, slug)
    try:
        oauth_app = oauth_app_for(request.actor.team, integration)
        wish = parse_connect_request(entry_for(integration), request.POST, oauth_app=oauth_app)
        return _set_out(request, integration, wish)
    except SpecwayError as error:
        return _refuse(request, integration, error)


@require_POST
@never_cache
@team_required
def reconnect(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """Begin a trip that repairs a connection: what it asked for before, and what is added in the form.

    With `exactly` in the form, what is ticked there and nothing else: so a connection gets narrower.
    """
    connection = managed_connection(request.actor, connection_id)
    integration = connection.integration
    try:
        wish = wish_again(connection, request.POST, oauth_app_for(request.actor.team, integration))
        return _set_out(request, integration, wish, connection)
    except SpecwayError as error:
        return _refuse(request, integration, error)


@require_safe
@never_cache
@team_required
def values(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """What the service asks for and the connection lacks, to be entered before it is reconnected."""
    connection = managed_connection(request.actor, connection_id)
    form = ValuesForm(required_params(connection))
    context = {"connection": connection, "integration": connection.integration, "form": form}
    return render(request, "connections/values.html", context)


def wish_again(connection: Connection, data: QueryDict, oauth_app: OAuthApp | None) -> Wish:
    """What a connection asked for before, and what the form adds. Raises InvalidInput for what cannot be asked for."""
    entry = entry_for(connection.integration)
    offer = offer_of(entry, oauth_app)
    # What is not on offer any more cannot be asked for again (what somebody named was granted, or it is forgotten);
    # what the form adds is checked in full.
    before = [scope for scope in connection.scopes_requested if scope in offer.names]
    others = [scope for scope in connection.scopes_granted if scope in connection.scopes_requested]
    others = [scope for scope in others if scope not in before and not offer.refusal([scope])]
    asked_of_person = {param.name for param in entry.params_from("user")}
    params = {name: value for name, value in connection.params.items() if name in asked_of_person}
    # Only what it lacks: a grant goes on at the place that it was given for.
    params |= {name: data.get(f"param.{name}", "") for name in (param.name for param in required_params(connection))}
    if "exactly" in data:
        chosen = data.getlist("scopes")
        others = [scope for scope in chosen if scope not in offer.names and scope in connection.scopes_granted]
        chosen = [scope for scope in chosen if scope not in others]
        return check_connect_request(entry, scopes=chosen, others=others, params=params, oauth_app=oauth_app)
    return check_connect_request(
        entry, scopes=[*before, *data.getlist("scopes")], others=others, params=params, oauth_app=oauth_app
    )


def _set_out(
    request: TeamRequest, integration: Integration, wish: Wish, connection: Connection | None = None
) -> HttpResponse:
    scopes, params = wish
    drop_earlier(request.actor, request.POST.get("instead_of", ""))
    trip = authorize.begin(
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
        return HttpResponseRedirect(trip.url)
    attempt = authorize.attempt_of(request.actor, trip.attempt.pk)
    return JsonResponse({"authorization_url": trip.url, **attempt_answer(request, attempt)})


def drop_earlier(actor: Actor, attempt_id: str) -> None:
    """Call off the trip that a new one takes the place of; nothing where there is none, or it is over."""
    try:
        authorize.cancel(actor=actor, attempt=authorize.attempt_of(actor, UUID(attempt_id)))
    except (ValueError, NotFound, AttemptSettled):
        return


def _refuse(request: TeamRequest, integration: Integration, error: SpecwayError) -> HttpResponse:
    if wants_json(request):
        return JsonResponse(refusal_answer(request, error), status=error.status)
    context = {"error": error, "integration": integration}
    return render(request, "connections/refused.html", context, status=error.status)


def wants_json(request: HttpRequest) -> bool:
    """Whether the page's script asks; browsers that navigate ask for HTML first."""
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"
