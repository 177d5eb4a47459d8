"""Coming back: the page to which the service sends the person with its answer."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps.connections.errors import AttemptError
from apps.connections.models import AuthorizationAttempt
from apps.connections.services import authorize
from apps.connections.views.address import with_parameters
from apps.errors import SpecwayError
from apps.teams.actor import Actor
from apps.teams.origin import origin_of

Attempt = AuthorizationAttempt.Status


class SignedOut(SpecwayError):
    """The answer came to a browser in which nobody is signed in any more."""

    code, title, help = "signed_out", "You are signed out", "authorization-failed"


@require_GET
@never_cache
def callback(request: HttpRequest, integration_id: UUID | None = None) -> HttpResponseBase:
    """Complete the trip, then close the popup or lead on in the same tab. Failures are told with 400 and words.

    `integration_id` only tells the path apart; the path itself is compared with the one recorded with the state.
    """
    response = _answer(request)
    # Code and state stand in this address.
    response["Referrer-Policy"] = "no-referrer"
    # The service's page was cross-origin: any stricter policy would cut this window off from the one that opened it,
    # and a window that nobody opened may not close itself.
    response["Cross-Origin-Opener-Policy"] = "unsafe-none"
    return response


def _answer(request: HttpRequest) -> HttpResponseBase:
    if not request.user.is_authenticated:
        # No login page here: it would carry the code along in its address.
        sentence = "Your session ended before the service answered. Nothing was stored. Sign in, then connect again."
        return _failed(request, SignedOut(sentence))
    actor: Actor | None = request.actor  # type: ignore[attr-defined] # set by ActorMiddleware
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
        messages.success(request, f"{attempt.connection.name} is connected.")
    return redirect(_onward(attempt))


def _onward(attempt: AuthorizationAttempt) -> str:
    if attempt.status != Attempt.SUCCEEDED:
        return reverse("connections:attempt", args=[attempt.pk])
    # Checked once more where it is used, as it was when it was stored.
    path = authorize.own_path(attempt.return_path) or reverse("connections:list")
    return with_parameters(path, new=str(attempt.connection_id))


def _failed(request: HttpRequest, error: SpecwayError) -> HttpResponse:
    attempt = error.attempt if isinstance(error, AttemptError) else None
    # A replayed answer made nothing, though the trip that it is taken from did.
    context = {**_context(attempt), "error": error, "connection": None}
    # What was the service's or our fault is still a bad answer to this address: one class of status for all of them.
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
