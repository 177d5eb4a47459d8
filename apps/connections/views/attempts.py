"""A trip under way: how it stands, calling it off, going on in the same tab, deciding about another account."""

from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from apps.connections.forms.connections import DecisionForm
from apps.connections.models import AuthorizationAttempt
from apps.connections.services import authorize, connect_sessions
from apps.connections.services.account_mismatch import resolve_account_mismatch as settle
from apps.connections.views.cards import WINDOWS, attempt_answer, card_context, state_of
from apps.connections.views.connect import drop_earlier, wants_json
from apps.errors import SpecwayError
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest

Attempt = AuthorizationAttempt.Status


@require_GET
@never_cache
@team_required
def attempt(request: TeamRequest, attempt_id: UUID) -> HttpResponse:
    """How the trip stands: JSON with its card for the script that asks, else a page with the same card."""
    trip = authorize.attempt_of(request.actor, attempt_id)
    window = request.GET.get("popup", "")
    return _tell(request, trip, window if window in WINDOWS else "open")


@require_POST
@never_cache
@team_required
def cancel(request: TeamRequest, attempt_id: UUID) -> HttpResponse:
    """Call the trip off: an answer that still comes will not be accepted."""
    trip = authorize.attempt_of(request.actor, attempt_id)
    if trip.status == Attempt.PENDING:
        authorize.cancel(actor=request.actor, attempt=trip)
        trip = authorize.attempt_of(request.actor, attempt_id)
    return _tell(request, trip)


@require_POST
@never_cache
@team_required
def continue_here(request: TeamRequest, attempt_id: UUID) -> HttpResponse:
    """Go to the service in this tab: a new trip in the place of the one whose window did not open.

    A new one, since only a hash is kept of the old one's state, and since the old window may still stand somewhere.
    """
    trip = authorize.attempt_of(request.actor, attempt_id)
    if trip.status not in (Attempt.PENDING, Attempt.CANCELED, Attempt.FAILED):
        return redirect("connections:attempt", trip.pk)
    drop_earlier(request.actor, str(trip.pk))
    onward = authorize.begin(
        actor=request.actor,
        integration=trip.integration,
        scopes=trip.scopes_requested,
        params=trip.params,
        session_key=request.session.session_key or "",
        in_popup=False,
        return_path=trip.return_path,
        connection=trip.connection,
    )
    connect_sessions.follow(trip, onward.attempt)
    return HttpResponseRedirect(onward.url)


@require_POST
@never_cache
@team_required
def decide(request: TeamRequest, attempt_id: UUID) -> HttpResponse:
    """What becomes of the other account that answered a reconnect: replace, new, or discard."""
    trip = authorize.attempt_of(request.actor, attempt_id)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        raise SpecwayError("Choose what should happen with the account that answered.")
    if trip.status == Attempt.UNDECIDED:
        settle(actor=request.actor, attempt=trip, decision=form.cleaned_data["decision"])
        trip = authorize.attempt_of(request.actor, attempt_id)
    return _tell(request, trip)


def _tell(request: TeamRequest, trip: AuthorizationAttempt, window: str = "open") -> HttpResponse:
    if wants_json(request):
        return JsonResponse(attempt_answer(request, trip, window))
    if request.method == "POST":
        return redirect("connections:attempt", trip.pk)
    return render(request, "connections/attempt.html", card_context(request, trip, state_of(trip, window)))
