"""The card with the state of an authorization attempt: a fragment for the waiting page, and part of its own page."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext

from apps.connections.messages import changes_message, refresh_token_hint
from apps.connections.models import AuthorizationAttempt, Connection, TokenSet
from apps.connections.policy import scopes
from apps.connections.policy.access import may_manage
from apps.errors import SpecwayError
from apps.integrations.catalog.offline_access import next_step
from apps.integrations.catalog.provider_config import provider_config
from apps.sql import database_now
from apps.teams.actor import Actor
from apps.teams.requests import TeamRequest

Attempt = AuthorizationAttempt.Status

# What the waiting page reports about its popup. It changes the wording of the card, never the result.
POPUP_STATES = ("open", "blocked", "closed")


def state_of(attempt: AuthorizationAttempt, popup: str = "open") -> str:
    """The name of the card. An attempt past its deadline is expired, even before that is stored."""
    open_states = (Attempt.PENDING, Attempt.EXCHANGING, Attempt.UNDECIDED, Attempt.CHOOSING)
    if attempt.status in open_states and attempt.expires_at <= database_now():
        return "expired"
    if attempt.status == Attempt.PENDING:
        return {"blocked": "blocked", "closed": "closed"}.get(popup, "waiting")
    return str(attempt.status)


def is_settled(state: str) -> bool:
    return state not in ("waiting", "blocked", "closed", Attempt.EXCHANGING)


def attempt_json(request: TeamRequest, attempt: AuthorizationAttempt, popup: str = "open") -> dict[str, Any]:
    """The JSON for the waiting page: the state, the card, and the connection once there is one."""
    state = state_of(attempt, popup)
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
    """The URLs to poll the attempt, cancel it, or continue it in the same tab."""
    return {
        "status_url": reverse("connections:attempt", args=[attempt.pk]),
        "cancel_url": reverse("connections:cancel", args=[attempt.pk]),
        "continue_url": reverse("connections:continue", args=[attempt.pk]),
    }


def refusal_json(request: HttpRequest, error: SpecwayError) -> dict[str, Any]:
    """The JSON for an authorization flow that could not be started."""
    html = render_to_string("connections/_refused.html", {"error": error}, request)
    return {
        "state": f"refused {error.sentence}",
        "settled": True,
        "connection": None,
        "html": html,
    }


def card_context(request: TeamRequest, attempt: AuthorizationAttempt, state: str) -> dict[str, Any]:
    context: dict[str, Any] = {"attempt": attempt, "state": state, "integration": attempt.integration}
    # If the OAuth app is at fault, trying again does not help.
    context["app_broken"] = attempt.oauth_app.broken_since is not None
    if state == Attempt.CHOOSING:
        context["choices"] = attempt.pending_account.get("choices", [])
    connection = attempt.connection
    if connection is not None:
        context["connection"] = connection
        context["can_manage"] = may_manage(request.actor, connection)
        if state == Attempt.UNDECIDED:
            context["workflows"] = connection.workflows.count()
            context["new_account"] = _account_name(attempt.pending_account)
            context["account_is_known"] = attempt.pending_account.get("known", True)
        if state == Attempt.SUCCEEDED:
            context["ended"] = attempt.result.get("ended", "")
            context["changed"] = changes_message(attempt.result)
            context["missing"] = missing_scopes(connection, attempt)
            context |= _ending(request.actor, connection, attempt)
    return context


def _account_name(account: Mapping[str, Any]) -> str:
    """The label of an account, or its ID."""
    return account.get("label") or account.get("subject") or gettext("an account without a name")


def _ending(actor: Actor, connection: Connection, attempt: AuthorizationAttempt) -> dict[str, Any]:
    """When access ends, and what to try, if the token expires and the service returned no refresh token."""
    row = TokenSet.objects.select_related("connection__integration").filter(connection=connection).first()
    if row is None or row.expires_at is None or row.refresh_grant_type:
        return {}
    hint, step = "", None
    if connection.integration.is_custom:
        provider = provider_config(connection.integration, oauth_app=connection.oauth_app, params=connection.params)
        hint = refresh_token_hint(attempt.scopes_requested, provider.authorization_params)
        step = next_step(attempt.scopes_requested, provider.authorization_params)
    return {"ends_at": row.expires_at, "token_hint": hint, "token_step": step, "can_set_up": actor.is_admin}


def missing_scopes(connection: Connection, attempt: AuthorizationAttempt) -> list[str]:
    """The scopes that this attempt requested and the service did not grant."""
    provider = provider_config(connection.integration, oauth_app=connection.oauth_app, params=connection.params)
    return scopes.missing(wanted=attempt.scopes_requested, granted=connection.scopes_granted, provider=provider)
