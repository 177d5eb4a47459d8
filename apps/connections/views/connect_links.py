"""The page that a connect session's link opens: who requests what, and a button that starts the authorization flow."""

from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from apps.connections.models import ConnectSession
from apps.connections.services import authorize, connect_sessions
from apps.connections.services.reconnect import reconnect_request
from apps.connections.services.session_outcome import outcome_of
from apps.connections.views.connect import checked_reconnect_request
from apps.connections.views.connect_link_key import key_page
from apps.connections.views.connect_return import return_context
from apps.connections.views.session_sharing import requested_sharing, sharing_context
from apps.errors import NotFound, SpecwayError
from apps.integrations.catalog.entries import entry_of
from apps.integrations.errors import InvalidInput
from apps.integrations.forms import check_connect_request
from apps.integrations.models import KINDS_WITH_KEY
from apps.integrations.oauth_apps.offered_scopes import offer_of
from apps.integrations.oauth_apps.services import oauth_app_for
from apps.teams.actor import Actor, member_actor
from apps.teams.decorators import team_required
from apps.teams.middleware import SESSION_TEAM
from apps.teams.models import Membership
from apps.teams.origin import origin_of
from apps.teams.requests import TeamRequest


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def link(request: HttpRequest, token: str) -> HttpResponse:
    """Show the request; POST uses up the link and redirects to the service, or stores the key that was entered."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    response = _link(request, token)
    response["Referrer-Policy"] = "no-referrer"  # the URL contains the token
    return response


def _link(request: HttpRequest, token: str) -> HttpResponse:
    session = connect_sessions.session_of_link(token)
    if session is None:
        raise NotFound(gettext("There is no such link."))
    actor = _actor(request, session)
    if actor is None:  # reveal nothing about the request
        return render(request, "connections/link_of_another.html", status=403)
    if request.method == "POST" and "decline" in request.POST:
        connect_sessions.decline(actor=actor, session=session)
        request.session[SESSION_TEAM] = str(session.team_id)
        return redirect("connections:connect_done", session.pk)
    if session.integration.kind in KINDS_WITH_KEY:
        return key_page(request, actor, session)
    if request.method == "POST":
        return _start(request, actor, session)
    return _page(request, session)


def _actor(request: HttpRequest, session: ConnectSession) -> Actor | None:
    """The signed-in person as a member of the session's team, if the link is for them."""
    members = Membership.objects.select_related("team", "user")
    membership = members.filter(team=session.team, user=session.member_id).first()
    if membership is None or membership.user_id != request.user.pk:
        return None
    return member_actor(membership, origin=origin_of(request))


def _start(request: HttpRequest, actor: Actor, session: ConnectSession) -> HttpResponse:
    # The pages that follow belong to this team.
    request.session[SESSION_TEAM] = str(session.team_id)
    try:
        scopes, params = _requested(request, session)
        shares = requested_sharing(session, request.POST)
    except InvalidInput as error:
        return _page(request, session, problem=error, status=400)
    connect_sessions.consume(actor=actor, session=session, shares=shares)
    try:
        flow = authorize.begin(
            actor=actor,
            integration=session.integration,
            scopes=scopes,
            params=params,
            session_key=request.session.session_key or "",
            in_popup=False,
            return_path=reverse("connections:connect_done", args=[session.pk]),
            connection=session.connection if session.repairs else None,
            login_hint=session.login_hint,
        )
    except SpecwayError as error:
        connect_sessions.failed(session, error)
        session.refresh_from_db()
        context = {"error": error, "integration": session.integration, **return_context(session)}
        return render(request, "connections/refused.html", context, status=error.status)
    connect_sessions.began(session, flow.attempt)
    return HttpResponseRedirect(flow.url)


def _requested(request: HttpRequest, session: ConnectSession) -> tuple[list[str], dict[str, str]]:
    """`(scopes, params)` of the session. Raises InvalidInput."""
    oauth_app = oauth_app_for(session.team, session.integration)
    if session.repairs and session.connection:
        again = reconnect_request(connection=session.connection, oauth_app=oauth_app, added_scopes=session.scopes)
        return checked_reconnect_request(session.connection, oauth_app, again)
    entry = entry_of(session.integration)
    if entry is None:
        raise InvalidInput([("integration", gettext("This service can no longer be connected."))])
    offer = offer_of(entry, oauth_app)
    requested = session.scopes or [scope.name for scope in offer.suggested]
    params = {name.removeprefix("param."): value for name, value in request.POST.items() if name.startswith("param.")}
    listed = [scope for scope in requested if scope in offer.names]
    others = [scope for scope in requested if scope not in offer.names]
    return check_connect_request(
        entry, scopes=listed, others=others, params={k: str(v) for k, v in params.items()}, oauth_app=oauth_app
    )


def _page(
    request: HttpRequest, session: ConnectSession, *, problem: SpecwayError | None = None, status: int = 200
) -> HttpResponse:
    outcome, _, why = outcome_of(session, now=timezone.now())
    entry = entry_of(session.integration)
    offer = offer_of(entry, oauth_app_for(session.team, session.integration)) if entry else None
    scopes = session.scopes or ([scope.name for scope in offer.suggested] if offer and not session.repairs else [])
    if session.repairs and session.connection:
        scopes = [*session.connection.scopes_requested, *session.scopes]
    known = {scope.name: scope for scope in offer.scopes} if offer else {}
    context: dict[str, Any] = {
        "session": session,
        "integration": session.integration,
        "usable": outcome == "pending" and session.used_at is None,
        "outcome": outcome,
        "why": why,
        "scopes": [(name, known.get(name)) for name in dict.fromkeys(scopes)],
        "params": entry.params_from("user") if entry and not session.repairs else (),
        "problem": problem,
        **sharing_context(session, request.POST),
        **return_context(session),
    }
    return render(request, "connections/link.html", context, status=status if context["usable"] else 410)


@require_safe
@never_cache
@team_required
def done(request: TeamRequest, session_id: Any) -> HttpResponse:
    """The result of a session; with a return URL, the page links to it."""
    session = connect_sessions.sessions_of(request.actor).filter(pk=session_id, member=request.user).first()
    if session is None:
        raise NotFound(gettext("There is no such link."))
    outcome = outcome_of(session, now=timezone.now())
    context = {
        "session": session,
        "attempt": session.attempt,
        "outcome": outcome.status,
        "why": outcome.detail,
        "connection": session.connection if session.ended_at and not outcome.code else None,
        "integration": session.integration,
        **return_context(session),
    }
    return render(request, "connections/link_done.html", context)
