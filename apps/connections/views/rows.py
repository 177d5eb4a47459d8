"""The rows of Settings → Integrations, built from connections that are already loaded."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from django.urls import get_script_prefix, reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from apps.connections.messages import (
    FIRST_REFRESH_FAULTS,
    asks_values,
    first_refresh_message,
    first_refresh_outcome,
    help_anchor,
    reason_of,
    repair_label,
    short_reason,
)
from apps.connections.models import Connection, Level, Status, TokenSet
from apps.connections.policy.access import level_of, may_check, may_manage, may_view
from apps.integrations.models import KINDS_WITH_KEY, Integration
from apps.teams.actor import Actor


class RowUrls:
    """The URLs of a connection's pages and actions by the names of `connections/urls.py`: `{{ row.urls.check }}`.

    Each is reversed once and not for each row, of which a page has many with several URLs each.
    """

    def __init__(self, connection_id: UUID) -> None:
        self._id, self._prefix = str(connection_id), get_script_prefix()

    def __getitem__(self, name: str) -> str:
        return _url_of_any(name, self._prefix).replace(_ANY, self._id)


_ANY = str(UUID(int=0))


@lru_cache(maxsize=100)
def _url_of_any(name: str, prefix: str) -> str:
    """The URL with _ANY in place of the connection's ID; `prefix` is that of the current request."""
    return reverse(f"connections:{name}", args=[_ANY])


@dataclass(frozen=True)
class Row:
    """One connection. `schedule` describes its next refresh or expiry, at the time `schedule_at` if there is one."""

    connection: Connection
    # The connection's ID as text, which a page has several times.
    id: str
    urls: RowUrls
    needs_attention: bool
    is_mine: bool
    sharing: str
    schedule: str
    schedule_at: datetime | None
    can_view: bool
    can_manage: bool
    can_refresh: bool
    can_check: bool
    why: str
    # The same in at most four words.
    short_why: str
    help_anchor: str
    repair: str
    # It has an API key that can be replaced in place; no consent is needed.
    has_key: bool
    # Values must be entered before it can be reconnected.
    asks_values: bool
    # What was wrong with the first refresh of a connection to a custom API; empty otherwise.
    first_refresh: str = ""

    # These are not in the template: to render a text with values there takes ten times as long.

    @property
    def select_label(self) -> str:
        """Of the box that selects it in the table."""
        values = {"name": self.connection.name, "service": self.connection.integration.name}
        return gettext("Select %(name)s, %(service)s") % values

    @property
    def menu_label(self) -> str:
        """Of the menu with its actions."""
        return gettext("More for %(name)s") % {"name": self.connection.name}


@dataclass(frozen=True)
class Group:
    """A service with its connections, those that need attention first."""

    integration: Integration
    rows: list[Row]

    @property
    def needs_attention(self) -> bool:
        return any(row.needs_attention for row in self.rows)


def grouped(rows: list[Row]) -> list[Group]:
    """The rows by service: services that need attention first, then by name."""
    by_integration: dict[Integration, list[Row]] = defaultdict(list)
    for row in rows:
        by_integration[row.connection.integration].append(row)
    groups = [
        Group(integration, sorted(members, key=lambda row: (not row.needs_attention, row.connection.name.casefold())))
        for integration, members in by_integration.items()
    ]
    return sorted(groups, key=lambda group: (not group.needs_attention, group.integration.name.casefold()))


def row_of(actor: Actor, connection: Connection) -> Row:
    """The row of a connection, whose details and shares must be loaded."""
    needs_attention = connection.status == Status.NEEDS_ATTENTION
    token_set: TokenSet | None = getattr(connection, "token_set", None)
    schedule, schedule_at = _schedule(connection, token_set, timezone.now())
    can_manage = may_manage(actor, connection)
    repair = repair_label(connection.status_reason) if needs_attention else ""
    return Row(
        connection=connection,
        id=str(connection.pk),
        urls=RowUrls(connection.pk),
        needs_attention=needs_attention,
        is_mine=actor.user is not None and connection.owner_id == actor.user.pk,
        sharing=_sharing(actor, connection),
        schedule=schedule,
        schedule_at=schedule_at,
        can_view=may_view(actor, connection),
        can_manage=can_manage,
        can_refresh=can_manage and not repair and token_set is not None and token_set.refresh_grant_type != "",
        can_check=may_check(actor, connection),
        why=reason_of(connection) if needs_attention else "",
        short_why=short_reason(connection.status_reason) if needs_attention else "",
        help_anchor=help_anchor(connection.status_reason) if needs_attention else "",
        repair=repair,
        has_key=connection.integration.kind in KINDS_WITH_KEY,
        asks_values=asks_values(connection),
        first_refresh=first_refresh_fault(connection),
    )


def first_refresh_fault(connection: Connection) -> str:
    """The problem with the first refresh; empty if it succeeded or has not run."""
    outcome = first_refresh_outcome(connection)
    if outcome not in FIRST_REFRESH_FAULTS:
        return ""
    return first_refresh_message(outcome, name=connection.integration.name, code=connection.first_refresh.code)


def _sharing(actor: Actor, connection: Connection) -> str:
    if not connection.is_shared:
        return gettext("Personal")
    shares = connection.shares.all()
    everyone = next((share for share in shares if share.user_id is None), None)
    level = Level(everyone.level) if everyone else level_of(actor, connection)
    if everyone is None and may_manage(actor, connection):
        # The actor's own level is not the level of those it is shared with.
        return ngettext("Shared · %(n)s member", "Shared · %(n)s members", len(shares)) % {"n": len(shares)}
    return gettext("Shared · %(level)s") % {"level": level.label.lower()} if level else gettext("Shared")


def _schedule(connection: Connection, token_set: TokenSet | None, now: datetime) -> tuple[str, datetime | None]:
    if token_set is None:
        return gettext("No expiry"), None
    if token_set.lease_until is not None and token_set.lease_until > now:
        return gettext("Refreshing now"), None
    if connection.oauth_app is not None and connection.oauth_app.broken_since is not None:
        return gettext("Refresh paused"), None
    if token_set.next_refresh_at is not None:
        return (
            (gettext("Refreshes"), token_set.next_refresh_at)
            if token_set.next_refresh_at > now
            else (gettext("Refresh is due"), None)
        )
    if token_set.refresh_grant_type and connection.status == Status.NEEDS_ATTENTION:
        return gettext("Refresh stopped"), None
    if token_set.expires_at is None:
        return gettext("Never expires"), None
    return (gettext("Expires"), token_set.expires_at) if token_set.expires_at > now else (gettext("Expired"), None)
