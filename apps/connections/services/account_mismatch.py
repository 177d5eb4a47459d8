"""Deciding what becomes of the answer of another account than the one that a reconnect was for."""

from typing import Literal

from django.db import transaction
from django.db.models.functions import Now

from apps.audit.services import record
from apps.connections.errors import AttemptSettled
from apps.connections.models import AuthorizationAttempt, Connection
from apps.connections.policy.access import may_manage
from apps.connections.services import attempts, tracing
from apps.connections.services.stale import revoke_unwanted
from apps.connections.services.store_grant import Grant, locked, same_account, store
from apps.errors import NotAllowed
from apps.teams.actor import Actor

Decision = Literal["replace", "new", "discard"]
_STATUS = AuthorizationAttempt.Status


def resolve_account_mismatch(
    *, actor: Actor, attempt: AuthorizationAttempt, decision: Decision
) -> AuthorizationAttempt:
    """Give the connection the new account, make a new connection of it, or forget it and revoke its grant.

    Raises AttemptSettled if that was decided before or the ten minutes for it are over.
    """
    with transaction.atomic(durable=True):
        taken = AuthorizationAttempt.objects.filter(
            pk=attempt.pk, user=actor.user, team=actor.team, status=_STATUS.UNDECIDED, expires_at__gt=Now()
        ).update(status=_STATUS.EXCHANGING)
        if not taken:
            raise AttemptSettled("This was decided before, or took longer than ten minutes. Reconnect to try again.")
        attempt = AuthorizationAttempt.objects.select_related("integration", "oauth_app", "connection").get(
            pk=attempt.pk
        )
        if attempt.pending_tokens is None:
            raise AttemptSettled("The answer of the other account is gone. Reconnect to try again.")
        grant = Grant.from_json(attempt.pending_tokens.reveal())
        if decision != "discard":
            existing = _connection(attempt, actor) if decision == "replace" else same_account(attempt, grant)
            return store(attempt, grant, existing=existing, origin=actor.origin)
        AuthorizationAttempt.objects.filter(pk=attempt.pk).update(status=_STATUS.CANCELED, pending_tokens=None)
        record(
            action="authorization.discarded",
            origin=actor.origin,
            team_id=attempt.team_id,
            target=attempts.target_of(attempt),
        )
    with tracing.traced(tracing.of_attempt(attempt)):
        revoke_unwanted(attempt, grant)
    attempt.status = _STATUS.CANCELED
    return attempt


def _connection(attempt: AuthorizationAttempt, actor: Actor) -> Connection:
    """The connection to give the new account, if the actor still may. Raises AttemptSettled or NotAllowed."""
    if attempt.connection_id is None:
        raise AttemptSettled("There is no connection to replace any more.")
    connection = locked(attempt.connection_id)
    if not may_manage(actor, connection):
        raise NotAllowed(f"Only those who manage the connection {connection.name} can replace its account.")
    return connection
