"""A reconnect that authorized another account: the person decides what happens to its grant."""

from collections.abc import Callable
from typing import Literal

from django.db import transaction
from django.utils.translation import gettext_noop

from apps.audit.services import record
from apps.connections.errors import AttemptSettled
from apps.connections.models import AuthorizationAttempt, Connection, ConnectSession
from apps.connections.policy.access import may_manage
from apps.connections.services import attempts, tracing
from apps.connections.services.grant import Grant
from apps.connections.services.recheck import lock_attempt
from apps.connections.services.session_outcome import fail_sessions
from apps.connections.services.stale import end_replaced, revoke_unwanted
from apps.connections.services.store_grant import locked, same_account, store
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
    return _DECISIONS[decision](attempt, actor)


def claim(
    attempt: AuthorizationAttempt, actor: Actor, *waiting: AuthorizationAttempt.Status
) -> tuple[AuthorizationAttempt, Grant]:
    """Take a decision, in the caller's transaction: the attempt and the grant that waits for it.

    `waiting` are the statuses in which it may be taken, by default that of another account.
    """
    own = AuthorizationAttempt.objects.filter(pk=attempt.pk, user=actor.user, team=actor.team, expires_at__gt=Now())
    claimed = own.filter(status__in=waiting or (_STATUS.UNDECIDED,)).update(status=_STATUS.EXCHANGING)
    if not claimed:
        raise AttemptSettled(
            gettext_noop("This was decided already, or took longer than ten minutes. Reconnect to try again.")
        )
    current = AuthorizationAttempt.objects.select_related("integration", "oauth_app", "connection").get(pk=attempt.pk)
    if current.pending_tokens is None:
        raise AttemptSettled(gettext_noop("The tokens were deleted meanwhile. Reconnect to try again."))
    return current, Grant.from_json(current.pending_tokens.reveal())


def _add(attempt: AuthorizationAttempt, actor: Actor) -> AuthorizationAttempt:
    with transaction.atomic(durable=True):
        attempt, grant = claim(attempt, actor)
        lock_attempt(attempt)
        stored = store(attempt, grant, existing=same_account(attempt, grant), origin=actor.origin)
    return end_replaced(stored, grant, origin=actor.origin)


def _replace(attempt: AuthorizationAttempt, actor: Actor) -> AuthorizationAttempt:
    """Store the new grant, then revoke that of the earlier account and say what ended."""
    with transaction.atomic(durable=True):
        attempt, grant = claim(attempt, actor)
        lock_attempt(attempt)
        connection = _connection(attempt, actor)
        stored = store(attempt, grant, existing=connection, origin=actor.origin)
    return end_replaced(stored, grant, origin=actor.origin)


def _discard(attempt: AuthorizationAttempt, actor: Actor) -> AuthorizationAttempt:
    with transaction.atomic(durable=True):
        attempt, grant = claim(attempt, actor, _STATUS.UNDECIDED, _STATUS.CHOOSING)
        AuthorizationAttempt.objects.filter(pk=attempt.pk).update(status=_STATUS.CANCELED, pending_tokens=None)
        fail_sessions(ConnectSession.objects.filter(attempt=attempt), code="canceled", detail=attempts.CANCELED)
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


_DECISIONS: dict[Decision, Callable[[AuthorizationAttempt, Actor], AuthorizationAttempt]] = {
    "new": _add,
    "replace": _replace,
    "discard": _discard,
}


def _connection(attempt: AuthorizationAttempt, actor: Actor) -> Connection:
    """The connection to replace, if the actor still manages it. Raises AttemptSettled or NotAllowed."""
    if attempt.connection_id is None:
        raise AttemptSettled(gettext_noop("The connection no longer exists, so it cannot be replaced."))
    connection = locked(attempt.connection_id)
    if not may_manage(actor, connection):
        raise NotAllowed(
            gettext_noop("Only those who manage the connection %(connection)s can replace its account.")
            % {"connection": connection.name}
        )
    return connection
