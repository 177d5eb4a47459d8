"""Changes to a connection's status, with their audit events and webhooks, inside the caller's transaction."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Least
from django.utils import timezone

from apps.audit.origin import Origin, Target
from apps.audit.services import record
from apps.connections.messages import reason_message
from apps.connections.models import Connection, FirstRefresh, Status, TokenSet
from apps.connections.policy.outlook import last_verified_at
from apps.connections.policy.state import IN_STATE, State
from apps.integrations.models import KINDS_WITH_KEY, Integration
from apps.notifications import outbox
from apps.notifications.models import Event
from apps.sql import Now, PreparedSelect, param
from apps.teams.languages import in_language

# These end without a person's action, so they do not replace a reason that a person has to resolve.
TRANSIENT_REASONS = ("service_unavailable", "integration_misconfigured")
# Calls in a row with 401 after which a token or key counts as rejected.
REJECTIONS_TO_GIVE_UP = 3
# `verified_at` is written at most this often by calls; a write for each would be wasted.
VERIFIED_PRECISION = timedelta(minutes=10)
# These mean that calls are rejected, so that one that succeeds resolves them.
REASONS_OF_CALLS = ("key_refused", "token_refused")
# A new token does not resolve these.
UNRESOLVED_BY_REFRESH = ("oauth_app_changed", "values_missing", "token_refused")
_FIRST = FirstRefresh.Outcome
_CONCLUSIVE = {outcome.value for outcome in _FIRST} - {_FIRST.DUE.value}


class ConnectionState(NamedTuple):
    """The columns of a connection that a refresh may change."""

    status: str
    status_reason: str
    scopes_granted: list[str]


def _state_for_update() -> QuerySet[Connection, tuple[Any, ...]]:
    rows = Connection.objects.select_for_update().filter(pk=param(Connection, "id"))
    return rows.values_list(*ConnectionState._fields)


_select_state = PreparedSelect(_state_for_update)


def lock(connection_id: UUID) -> ConnectionState | None:
    """Lock the connection's row until the end of the transaction. Its current state; None if it was deleted.

    Transactions that write to a connection and its token set lock the connection first, so that no two wait for each
    other.
    """
    return next((ConnectionState(*values) for values in _select_state(id=connection_id)), None)


def target_of(connection: Connection) -> Target:
    """The connection as the target of an audit event."""
    return Target(
        type="connection",
        id=str(connection.pk),
        label=connection.name,
        integration=connection.integration.slug,
    )


def mark_needs_attention(connection: Connection, *, reason: str, origin: Origin, service_message: str = "") -> None:
    """Set the status to needs attention for `reason`, unless it has that reason already or is being disconnected.

    `service_message` is the service's own description, redacted.
    """
    rows = Connection.objects.filter(pk=connection.pk).exclude(status=Status.DISCONNECTING)
    rows = rows.exclude(status=Status.NEEDS_ATTENTION, status_reason=reason)
    if reason in TRANSIENT_REASONS:
        rows = rows.exclude(status_reason="missing_scopes")
    changed = rows.update(
        status=Status.NEEDS_ATTENTION, status_reason=reason, service_message=service_message, status_changed_at=Now()
    )
    if not changed:
        return
    record(
        action="connection.needs_attention",
        origin=origin,
        team_id=connection.team_id,
        target=target_of(connection),
        outcome="failure",
        reason=reason,
    )
    with in_language(""):  # programs read it, whatever the language of the page on which it was noticed
        detail = reason_message(reason, connection.integration.name, service_message)
    emit_event(Event.NEEDS_ATTENTION, connection, status=Status.NEEDS_ATTENTION, reason=reason, detail=detail)


def mark_recovered(connection: Connection, *, origin: Origin) -> None:
    """Set the status to active after a refresh, unless the reason is one that a new token does not resolve."""
    _activate(Connection.objects.exclude(status_reason__in=UNRESOLVED_BY_REFRESH), connection, origin=origin)


def mark_reconnected(connection: Connection, *, origin: Origin, **details: Any) -> None:
    """Set the status to active, whatever the reason was: its credentials are new, or valid again.

    `details` are added to the event.
    """
    _activate(Connection.objects.all(), connection, origin=origin, **details)


def _activate(rows: QuerySet[Connection], connection: Connection, *, origin: Origin, **details: Any) -> None:
    changed = rows.filter(pk=connection.pk, status=Status.NEEDS_ATTENTION).update(
        status=Status.ACTIVE, status_reason="", service_message="", rejected_calls=0, status_changed_at=Now()
    )
    if changed:
        record(
            action="connection.recovered",
            origin=origin,
            team_id=connection.team_id,
            target=target_of(connection),
        )
        emit_event(Event.RECOVERED, connection, status=_active_state(connection), **details)


def record_call_result(connection: Connection, status: int, *, origin: Origin) -> None:
    """Count a call that the service answered with 401; a success ends the count and verifies the connection.

    `connection` is as it was read when the call began; `status` is the final HTTP status, after a refresh and retry.
    After REJECTIONS_TO_GIVE_UP in a row the connection needs attention, also if nothing can be refreshed. A later
    success resolves that. A success costs no query if the connection was verified within VERIFIED_PRECISION.
    """
    if status == HTTPStatus.UNAUTHORIZED and connection.integration.kind != Integration.Kind.NONE:
        _count_rejection(connection, rejection_reason(connection), origin=origin)
    elif status < HTTPStatus.BAD_REQUEST:
        verified = last_verified_at(connection)
        is_recent = verified is not None and timezone.now() - verified < VERIFIED_PRECISION
        if not is_recent or connection.rejected_calls or connection.status_reason in REASONS_OF_CALLS:
            mark_verified(connection, origin=origin)


def rejection_reason(connection: Connection) -> str:
    """Why a connection needs attention whose calls the service answers with 401."""
    return "key_refused" if connection.integration.kind in KINDS_WITH_KEY else "token_refused"


def mark_verified(connection: Connection, *, origin: Origin) -> None:
    """Record that the service accepted the connection just now, which resolves that it rejected calls before.

    The first time is an event, unless the event is that the connection works again.
    """
    with transaction.atomic():
        is_first = last_verified_at(connection) is None and _is_unverified(connection)
        Connection.objects.filter(pk=connection.pk).update(rejected_calls=0, verified_at=Now())
        if connection.status_reason in REASONS_OF_CALLS:
            _activate(Connection.objects.filter(status_reason__in=REASONS_OF_CALLS), connection, origin=origin)
        if is_first:
            emit_event(Event.VERIFIED, connection, status=State.WORKING)


def _is_unverified(connection: Connection) -> bool:
    """By what is stored, locked: of calls that succeed at the same time, one verifies it."""
    lock(connection.pk)
    return Connection.objects.filter(IN_STATE[State.UNVERIFIED], pk=connection.pk).exists()


def _count_rejection(connection: Connection, reason: str, *, origin: Origin) -> None:
    rows = Connection.objects.filter(pk=connection.pk)
    with transaction.atomic():
        rows.update(rejected_calls=Least(F("rejected_calls") + 1, Value(REJECTIONS_TO_GIVE_UP)))
        unresolved = Q(status=Status.ACTIVE) | Q(status_reason__in=TRANSIENT_REASONS)
        if rows.filter(unresolved, rejected_calls__gte=REJECTIONS_TO_GIVE_UP).exists():
            mark_needs_attention(connection, reason=reason, origin=origin)


def emit_event(event: str, connection: Connection, **details: Any) -> None:
    """Enqueue one of `apps.notifications.models.Event` for the team's webhooks. `details` hold nothing secret.

    `details` may replace the status, which is that of the object in memory.
    """
    state = _active_state(connection) if connection.status == Status.ACTIVE else State(connection.status)
    data = {
        "connection": str(connection.pk),
        "team": str(connection.team_id),
        "integration": connection.integration.slug,
        "name": connection.name,
        "owner": str(connection.owner_id),
        "status": state,
        "external_id": connection.external_id,
        "tags": connection.tags,
        "metadata": connection.metadata,
        "account": {"subject": connection.account_subject, "label": connection.account_label},
        **details,
    }
    outbox.enqueue_webhook(event, team_id=connection.team_id, data=data)


def _active_state(connection: Connection) -> State:
    """The state of a connection that does not need attention, by what is stored now."""
    unverified = Connection.objects.filter(IN_STATE[State.UNVERIFIED], pk=connection.pk).exists()
    return State.UNVERIFIED if unverified else State.WORKING


def expect_first_refresh(connection: Connection, row: TokenSet) -> None:
    """Schedule the first refresh of a new or reconnected connection to a custom API at once.

    A wrong token endpoint configuration then shows on the first day. Built-in services are known to work.
    """
    if not connection.integration.is_custom or connection.integration.kind != Integration.Kind.OAUTH2:
        return
    has_refresh_token = row.refresh_token is not None
    outcome = _FIRST.DUE if has_refresh_token else _FIRST.NO_REFRESH_TOKEN
    FirstRefresh.objects.update_or_create(connection=connection, defaults={"outcome": outcome, "code": "", "at": Now()})
    if has_refresh_token:
        TokenSet.objects.filter(pk=row.pk, version=row.version).update(next_refresh_at=Now())


def record_first_refresh(connection: Connection, outcome: str, *, code: str = "") -> None:
    """Record the outcome of a refresh if it is the first one. A transient failure leaves the first refresh due."""
    if not connection.integration.is_custom or outcome not in _CONCLUSIVE:
        return
    open_ones = FirstRefresh.objects.filter(connection=connection).exclude(outcome=_FIRST.WORKED)
    open_ones.update(outcome=outcome, code=code[:60], at=Now())
