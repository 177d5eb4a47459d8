"""An authorization attempt in progress: its state, canceling it, continuing in the same tab, resolving a mismatch."""

from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from apps.connections.forms.connections import DecisionForm
from apps.connections.models import AuthorizationAttempt
from apps.connections.services import authorize, connect_sessions
from apps.connections.services.account_mismatch import resolve_account_mismatch as settle
from apps.connections.services.placement import choose_placement
from apps.connections.views.cards import POPUP_STATES, attempt_json, card_context, state_of
from apps.connections.views.connect import cancel_earlier, wants_json
from apps.errors import SpecwayError
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest

Attempt = AuthorizationAttempt.Status


@require_GET
@never_cache
@team_required
def attempt(request: TeamRequest, attempt_id: UUID) -> HttpResponse:
    """The state of the attempt: JSON with a card for the page's script, else a page with the same card."""
    current = authorize.attempt_of(request.actor, attempt_id)
    popup = request.GET.get("popup", "")
    return _state(request, current, popup if popup in POPUP_STATES else "open")


@require_POST
@never_cache
@team_required
def cancel(request: TeamRequest, attempt_id: UUID) -> HttpResponse:
    """Cancel the attempt: a callback that still arrives is rejected."""
    current = authorize.attempt_of(request.actor, attempt_id)
    if current.status == Attempt.PENDING:
        authorize.cancel(actor=request.actor, attempt=current)
        current = authorize.attempt_of(request.actor, attempt_id)
    return _state(request, current)


@require_POST
@never_cache
@team_required
def continue_here(request: TeamRequest, attempt_id: UUID) -> HttpResponse:
    """Go to the service in this tab, with a new attempt that replaces the one whose popup did not open.

    A new one, because only a hash of the earlier state is stored and its popup may still be open.
    """
    current = authorize.attempt_of(request.actor, attempt_id)
    if current.status not in (Attempt.PENDING, Attempt.CANCELED, Attempt.FAILED):
        return redirect("connections:attempt", current.pk)
    flow = authorize.begin(
        actor=request.actor,
        integration=current.integration,
        scopes=current.scopes_requested,
        params=current.params,
        session_key=request.session.session_key or "",
        in_popup=False,
        return_path=current.return_path,
        connection=current.connection,
    )
    connect_sessions.follow(current, flow.attempt)
    cancel_earlier(request.actor, str(current.pk))
    return HttpResponseRedirect(flow.url)


@require_POST
@never_cache
@team_required
def decide(request: TeamRequest, attempt_id: UUID) -> HttpResponse:
    """Resolve a reconnect that another account answered: replace, add as new, or discard."""
    current = authorize.attempt_of(request.actor, attempt_id)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        raise SpecwayError(gettext("Choose what to do with the account that signed in."))
    if current.status == Attempt.UNDECIDED:
        settle(actor=request.actor, attempt=current, decision=form.cleaned_data["decision"])
        current = authorize.attempt_of(request.actor, attempt_id)
    return _state(request, current)


@require_POST
@never_cache
@team_required
def choose(request: TeamRequest, attempt_id: UUID) -> HttpResponse:
    """Finish a flow whose grant is for several sites at the one that the person chose."""
    current = authorize.attempt_of(request.actor, attempt_id)
    if current.status == Attempt.CHOOSING:
        choose_placement(actor=request.actor, attempt=current, key=_line_feeds(request.POST.get("site", "")))
        current = authorize.attempt_of(request.actor, attempt_id)
    return _state(request, current)


def _line_feeds(text: str) -> str:
    """Forms send line breaks as CR LF."""
    return text.replace("\r\n", "\n")


def _state(request: TeamRequest, current: AuthorizationAttempt, popup: str = "open") -> HttpResponse:
    if wants_json(request):
        return JsonResponse(attempt_json(request, current, popup))
    if request.method == "POST":
        return redirect("connections:attempt", current.pk)
    context = card_context(request, current, state_of(current, popup))
    session = connect_sessions.session_of_attempt(current)
    context["session_url"] = reverse("connections:connect_done", args=[session.pk]) if session else ""
    return render(request, "connections/attempt.html", context)
