"""What a row of Settings → Integrations shows of a connection, put together without a query of its own."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from apps.connections.messages import (
    FIRST_REFRESH_FAULTS,
    asks_values,
    first_refresh_message,
    help_anchor,
    reason_message,
    repair_label,
)
from apps.connections.models import Connection, Level, Status, TokenSet
from apps.connections.policy.access import level_of, may_manage, may_view
from apps.integrations.models import KINDS_WITH_KEY, Integration
from apps.teams.actor import Actor


@dataclass(frozen=True)
class Row:
    """One connection. `schedule` is what to say of its next refresh, `schedule_at` the time that belongs to it."""

    connection: Connection
    is_red: bool
    is_mine: bool
    sharing: str
    schedule: str
    schedule_at: datetime | None
    can_view: bool
    can_manage: bool
    can_refresh: bool
    why: str
    help_anchor: str
    repair: str
    # What the person entered can be replaced in place; there is no consent to give again.
    has_key: bool
    # A consent is given again only after something is entered.
    asks_values: bool
    # What was wrong with the first refresh of a connection to a team's own API; empty elsewhere.
    first_refresh: str = ""


@dataclass(frozen=True)
class Group:
    """A service with its connections, red ones first."""

    integration: Integration
    rows: list[Row]

    @property
    def is_red(self) -> bool:
        return any(row.is_red for row in self.rows)


def grouped(actor: Actor, connections: list[Connection]) -> list[Group]:
    """The connections by service: services with a red one first, then by name."""
    by_integration: dict[Integration, list[Row]] = defaultdict(list)
    for connection in connections:
        by_integration[connection.integration].append(row_of(actor, connection))
    groups = [
        Group(integration, sorted(rows, key=lambda row: (not row.is_red, row.connection.name.casefold())))
        for integration, rows in by_integration.items()
    ]
    return sorted(groups, key=lambda group: (not group.is_red, group.integration.name.casefold()))


def row_of(actor: Actor, connection: Connection) -> Row:
    """The row of one connection. Its details and shares must be loaded with it."""
    is_red = connection.status == Status.NEEDS_ATTENTION
    token_set: TokenSet | None = getattr(connection, "token_set", None)
    schedule, schedule_at = _schedule(connection, token_set, timezone.now())
    can_manage = may_manage(actor, connection)
    repair = repair_label(connection.status_reason) if is_red else ""
    return Row(
        connection=connection,
        is_red=is_red,
        is_mine=actor.user is not None and connection.owner_id == actor.user.pk,
        sharing=_sharing(actor, connection),
        schedule=schedule,
        schedule_at=schedule_at,
        can_view=may_view(actor, connection),
        can_manage=can_manage,
        can_refresh=can_manage and not repair and token_set is not None and token_set.refresh_grant_type != "",
        why=reason_message(connection.status_reason, connection.integration.name) if is_red else "",
        help_anchor=help_anchor(connection.status_reason) if is_red else "",
        repair=repair,
        has_key=connection.integration.kind in KINDS_WITH_KEY,
        asks_values=asks_values(connection),
        first_refresh=first_refresh_fault(connection),
    )


def first_refresh_fault(connection: Connection) -> str:
    """What is wrong with the first refresh, in words; empty where nothing is, or none was tried."""
    tried = getattr(connection, "first_refresh", None)
    if tried is None or tried.outcome not in FIRST_REFRESH_FAULTS:
        return ""
    return first_refresh_message(tried.outcome, name=connection.integration.name, code=tried.code)


def _sharing(actor: Actor, connection: Connection) -> str:
    if not connection.is_shared:
        return "Personal"
    shares = connection.shares.all()
    everyone = next((share for share in shares if share.user_id is None), None)
    level = Level(everyone.level) if everyone else level_of(actor, connection)
    if everyone is None and may_manage(actor, connection):
        # One's own level says nothing about those it is shared with.
        return f"Shared · {len(shares)} member{'' if len(shares) == 1 else 's'}"
    return f"Shared · {level.label.lower()}" if level else "Shared"


def _schedule(connection: Connection, token_set: TokenSet | None, now: datetime) -> tuple[str, datetime | None]:
    if token_set is None:
        return "No expiry", None
    if token_set.lease_until is not None and token_set.lease_until > now:
        return "Refreshing now", None
    if connection.oauth_app is not None and connection.oauth_app.broken_since is not None:
        return "Refresh waits for the app", None
    if token_set.next_refresh_at is not None:
        return ("Refreshes", token_set.next_refresh_at) if token_set.next_refresh_at > now else ("Refresh is due", None)
    if token_set.refresh_grant_type and connection.status == Status.NEEDS_ATTENTION:
        return "Refresh stopped", None
    if token_set.expires_at is None:
        return "Never expires", None
    return ("Ends", token_set.expires_at) if token_set.expires_at > now else ("Ended", None)
