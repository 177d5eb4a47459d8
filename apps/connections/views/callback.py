"""The OAuth callback: the page to which a service redirects the person with its authorization response."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext, gettext_noop
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps.connections.errors import AttemptError
from apps.connections.messages import connected_message
from apps.connections.models import AuthorizationAttempt
from apps.connections.services import authorize
from apps.connections.services.connect_sessions import session_of_attempt
from apps.connections.views.connect_return import return_context, with_parameters
from apps.errors import SpecwayError
from apps.teams.actor import Actor
from apps.teams.origin import origin_of

Attempt = AuthorizationAttempt.Status


class SignedOut(SpecwayError):
    """The callback arrived in a browser that is no longer signed in."""

    code, title, help = "signed_out", gettext_noop("You are signed out"), "authorization-failed"


@require_GET
@never_cache
def callback(request: HttpRequest, callback_id: UUID | None = None) -> HttpResponseBase:
    """Complete the authorization flow, then close the popup or redirect in the same tab. Failures are a page with 400.

    `callback_id` only belongs to the path, which is compared with the one that was stored with the state.
    """
    response = _complete(request)
    # The URL contains code and state.
    response["Referrer-Policy"] = "no-referrer"
    # The service's page was cross-origin: a stricter policy would separate this window from its opener, and a window
    # without an opener may not close itself.
    response["Cross-Origin-Opener-Policy"] = "unsafe-none"
    return response


def _complete(request: HttpRequest) -> HttpResponseBase:
    if not request.user.is_authenticated:
        # No redirect to the login page: its URL would contain the code.
        message = gettext(
            "Your session ended before the service answered. Nothing was stored. Sign in, then connect again."
        )
        return _failed(request, SignedOut(message))
    actor: Actor | None = getattr(request, "actor", None)
    try:
        attempt = authorize.complete(
            path=request.path,
            query_string=request.META["QUERY_STRING"],
            user=request.user,
            session_key=request.session.session_key or "",
            origin=origin_of(request),
            team_id=actor.team.pk if actor and actor.team else None,
        )
    except SpecwayError as error:
        return _failed(request, error)
    if attempt.in_popup:
        return render(request, "connections/result.html", _context(attempt))
    if attempt.status == Attempt.SUCCEEDED and attempt.connection is not None:
        messages.success(request, connected_message(attempt.connection, attempt.result))
    return redirect(_next_url(attempt))


def _next_url(attempt: AuthorizationAttempt) -> str:
    if attempt.status != Attempt.SUCCEEDED:
        return reverse("connections:attempt", args=[attempt.pk])
    # Checked when it was stored, and again here where it is used.
    path = authorize.own_path(attempt.return_path) or reverse("connections:list")
    return with_parameters(path, new=str(attempt.connection_id))


def _failed(request: HttpRequest, error: SpecwayError) -> HttpResponse:
    attempt = error.attempt if isinstance(error, AttemptError) else None
    # A replayed callback created nothing, even if its attempt did.
    session = session_of_attempt(attempt) if attempt else None
    context = {**_context(attempt), "error": error, "connection": None, "session": session, **return_context(session)}
    # Always 400, even if the service or we are at fault: this callback did not succeed.
    return render(request, "connections/result.html", context, status=400)


def _context(attempt: AuthorizationAttempt | None) -> dict[str, object]:
    if attempt is None:
        return {"attempt": None}
    return {
        "attempt": attempt,
        "integration": attempt.integration,
        "connection": attempt.connection if attempt.status == Attempt.SUCCEEDED else None,
        "in_popup": attempt.in_popup,
    }
