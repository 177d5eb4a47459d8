"""A reconnect that authorized another account: the person decides what happens to its grant."""

from typing import Literal

from django.db import transaction

from apps.audit.services import record
from apps.connections.errors import AttemptSettled
from apps.connections.models import AuthorizationAttempt, Connection, ConnectSession
from apps.connections.policy.access import may_manage
from apps.connections.services import attempts, tracing
from apps.connections.services.recheck import lock_attempt
from apps.connections.services.stale import revoke_unwanted
from apps.connections.services.store_grant import Grant, locked, same_account, store
from apps.errors import NotAllowed
from apps.sql import Now
from apps.teams.actor import Actor

Decision = Literal["replace", "new", "discard"]
_STATUS = AuthorizationAttempt.Status


def resolve_account_mismatch(
    *, actor: Actor, attempt: AuthorizationAttempt, decision: Decision
) -> AuthorizationAttempt:
    """Replace the connection's account, create a new connection, or discard the grant and revoke it.

    Raises AttemptSettled if it was decided already or more than ten minutes ago, and what `lock_attempt` raises.
    """
    with transaction.atomic(durable=True):
        claimed = AuthorizationAttempt.objects.filter(
            pk=attempt.pk, user=actor.user, team=actor.team, status=_STATUS.UNDECIDED, expires_at__gt=Now()
        ).update(status=_STATUS.EXCHANGING)
        if not claimed:
            raise AttemptSettled("This was decided already, or took longer than ten minutes. Reconnect to try again.")
        attempt = AuthorizationAttempt.objects.select_related("integration", "oauth_app", "connection").get(
            pk=attempt.pk
        )
        if decision != "discard":
            lock_attempt(attempt)
        if attempt.pending_tokens is None:
            raise AttemptSettled("The tokens of the other account were deleted. Reconnect to try again.")
        grant = Grant.from_json(attempt.pending_tokens.reveal())
        if decision != "discard":
            existing = _connection(attempt, actor) if decision == "replace" else same_account(attempt, grant)
            return store(attempt, grant, existing=existing, origin=actor.origin)
        AuthorizationAttempt.objects.filter(pk=attempt.pk).update(status=_STATUS.CANCELED, pending_tokens=None)
        attempts.fail_sessions(ConnectSession.objects.filter(attempt=attempt), code="canceled")
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
    """The connection to replace, if the actor still manages it. Raises AttemptSettled or NotAllowed."""
    if attempt.connection_id is None:
        raise AttemptSettled("The connection no longer exists, so it cannot be replaced.")
    connection = locked(attempt.connection_id)
    if not may_manage(actor, connection):
        raise NotAllowed(f"Only those who manage the connection {connection.name} can replace its account.")
    return connection
