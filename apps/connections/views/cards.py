"""The card that tells how a trip stands: a fragment for the page that waits, and part of the attempt's own page."""

from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from apps.connections.models import AuthorizationAttempt, Connection
from apps.connections.policy import scopes
from apps.connections.policy.access import may_manage
from apps.errors import SpecwayError
from apps.integrations.catalog.entries import provider_config
from apps.teams.requests import TeamRequest

Attempt = AuthorizationAttempt.Status

# What the page behind knows of its window: a hint for the words while the answer is out, never a result.
WINDOWS = ("open", "blocked", "closed")


def state_of(attempt: AuthorizationAttempt, window: str = "open") -> str:
    """The card's name. A trip whose time is over failed, whether or not somebody has noted it yet."""
    open_states = (Attempt.PENDING, Attempt.EXCHANGING, Attempt.UNDECIDED)
    if attempt.status in open_states and attempt.expires_at <= timezone.now():
        return "expired"
    if attempt.status == Attempt.PENDING:
        return {"blocked": "blocked", "closed": "closed"}.get(window, "waiting")
    return str(attempt.status)


def is_settled(state: str) -> bool:
    return state not in ("waiting", "blocked", "closed", Attempt.EXCHANGING)


def attempt_answer(request: TeamRequest, attempt: AuthorizationAttempt, window: str = "open") -> dict[str, Any]:
    """The JSON for the page that waits: the state, the card, and the connection once there is one."""
    state = state_of(attempt, window)
    succeeded = state == Attempt.SUCCEEDED
    return {
        "attempt": str(attempt.pk),
        "state": state,
        "settled": is_settled(state),
        "connection": str(attempt.connection_id) if succeeded and attempt.connection_id else None,
        "html": render_to_string("connections/_card.html", card_context(request, attempt, state), request),
        **links(attempt),
    }


def links(attempt: AuthorizationAttempt) -> dict[str, str]:
    """Where to ask about the trip, call it off, or go on with it in the same tab."""
    return {
        "status_url": reverse("connections:attempt", args=[attempt.pk]),
        "cancel_url": reverse("connections:cancel", args=[attempt.pk]),
        "continue_url": reverse("connections:continue", args=[attempt.pk]),
    }


def refusal_answer(request: HttpRequest, error: SpecwayError) -> dict[str, Any]:
    """The JSON for a trip that could not begin."""
    html = render_to_string("connections/_refused.html", {"error": error}, request)
    return {"state": f"refused {error.sentence}", "settled": True, "connection": None, "html": html}


def card_context(request: TeamRequest, attempt: AuthorizationAttempt, state: str) -> dict[str, Any]:
    context: dict[str, Any] = {"attempt": attempt, "state": state, "integration": attempt.integration}
    # The fault of the set-up is told apart from the person's: trying again would not help.
    context["app_broken"] = attempt.oauth_app.broken_since is not None
    connection = attempt.connection
    if connection is not None:
        context["connection"] = connection
        context["can_manage"] = may_manage(request.actor, connection)
        if state == Attempt.UNDECIDED:
            context["workflows"] = connection.workflows.count()
            context["new_account"] = attempt.pending_account.get("label", "") or "another account"
        if state == Attempt.SUCCEEDED:
            context["missing"] = missing_scopes(connection, attempt)
    return context


def missing_scopes(connection: Connection, attempt: AuthorizationAttempt) -> list[str]:
    """What this trip asked for and the service did not grant."""
    provider = provider_config(connection.integration, oauth_app=connection.oauth_app, params=connection.params)
    return scopes.missing(wanted=attempt.scopes_requested, granted=connection.scopes_granted, provider=provider)
