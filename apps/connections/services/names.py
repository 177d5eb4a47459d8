"""The names that programs give to connections and connect sessions: `external_id`, `tags` and `metadata`."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from apps.audit.services import record
from apps.connections.models import AuthorizationAttempt, Connection, ConnectSession
from apps.connections.services.status import target_of
from apps.teams.actor import Actor

NAMES = ("external_id", "tags", "metadata")


def names_of(row: Connection | ConnectSession) -> dict[str, Any]:
    """All three, for responses and events."""
    return {name: getattr(row, name) for name in NAMES}


def given_names(session: ConnectSession | None) -> dict[str, Any]:
    """Those that the session has, which its connection gets; the connection keeps its own for the others."""
    return {name: value for name, value in names_of(session).items() if value} if session else {}


def pending_session(attempt: AuthorizationAttempt) -> ConnectSession | None:
    """The session that waits for the attempt, if there is one."""
    return ConnectSession.objects.filter(attempt=attempt, status=ConnectSession.Status.PENDING).first()


@transaction.atomic
def change_names(*, actor: Actor, connection: Connection, names: Mapping[str, Any]) -> None:
    """Set some of the three. The caller has checked that the actor manages the connection."""
    changed = {name: value for name, value in names.items() if getattr(connection, name) != value}
    if not changed:
        return
    for name, value in changed.items():
        setattr(connection, name, value)
    connection.save(update_fields=list(changed))
    details = {name: changed[name] for name in ("external_id", "tags") if name in changed}
    record(
        action="connection.names_changed",
        origin=actor.origin,
        team_id=connection.team_id,
        target=target_of(connection),
        changed=sorted(changed),
        **details,
    )
