"""Turning a connection red and green again, with its audit event, inside the caller's transaction."""

from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.audit.origin import Origin, Target
from apps.audit.services import record
from apps.connections.messages import reason_sentence
from apps.connections.models import Connection, Status
from apps.connections.services import events
from apps.notifications.models import Event
from apps.sql import PreparedSelect, param

# These heal by themselves, so they do not take the place of one that a person has to repair.
PASSING = ("service_unavailable", "integration_misconfigured")


class Standing(NamedTuple):
    """What moves in a connection: its names are the columns'."""

    status: str
    status_reason: str
    scopes_granted: list[str]


def _held_to_the_end() -> QuerySet[Connection, tuple[Any, ...]]:
    one = Connection.objects.select_for_update().filter(pk=param(Connection, "id"))
    return one.values_list(*Standing._fields)


_held = PreparedSelect(_held_to_the_end)


def lock(connection_id: UUID) -> Standing | None:
    """Hold the connection's row to the end of the transaction: how it stands now. None: it is gone.

    What writes to both does so before it writes to the token set, as disconnecting and reconnecting do: two that went
    the two ways round would each wait for the other.
    """
    return next((Standing(*values) for values in _held(id=connection_id)), None)


def target_of(connection: Connection) -> Target:
    """The connection as the audit log names it."""
    return Target(
        type="connection",
        id=str(connection.pk),
        label=connection.name,
        integration=connection.integration.slug,
    )


def mark_needs_attention(connection: Connection, *, reason: str, origin: Origin) -> None:
    """Red, for `reason`; once: a connection that already says so is left alone. One being disconnected, too."""
    red = Connection.objects.filter(pk=connection.pk).exclude(status=Status.DISCONNECTING)
    red = red.exclude(status=Status.NEEDS_ATTENTION, status_reason=reason)
    if reason in PASSING:
        red = red.exclude(status_reason="missing_scopes")
    changed = red.update(status=Status.NEEDS_ATTENTION, status_reason=reason, status_changed_at=Now())
    if changed:
        record(
            action="connection.needs_attention",
            origin=origin,
            team_id=connection.team_id,
            target=target_of(connection),
            outcome="failure",
            reason=reason,
        )
        detail = reason_sentence(reason, connection.integration.name)
        events.emit(Event.NEEDS_ATTENTION, connection, reason=reason, detail=detail)


def mark_recovered(connection: Connection, *, origin: Origin) -> None:
    """Green again, where it was red and a new token heals it: not where the OAuth app is another client now, or where
    a value is missing."""
    beyond = ("oauth_app_changed", "values_missing")
    _turn_green(Connection.objects.exclude(status_reason__in=beyond), connection, origin=origin)


def mark_reconnected(connection: Connection, *, origin: Origin) -> None:
    """Green again, whatever was the matter: its tokens are new, or those that count again."""
    _turn_green(Connection.objects.all(), connection, origin=origin)


def _turn_green(rows: QuerySet[Connection], connection: Connection, *, origin: Origin) -> None:
    changed = rows.filter(pk=connection.pk, status=Status.NEEDS_ATTENTION).update(
        status=Status.ACTIVE, status_reason="", status_changed_at=Now()
    )
    if changed:
        record(
            action="connection.recovered",
            origin=origin,
            team_id=connection.team_id,
            target=target_of(connection),
        )
        events.emit(Event.RECOVERED, connection)
