"""Visible audit events, and the filters of the page, the API and the export."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.db.models import Q, QuerySet

from apps.audit.models import AuditEvent

# Rows in memory at once during an export.
BATCH_SIZE = 500
# Events that a search for a text reads at once.
MOST_READ = 20_000
# By how much the order of times can differ from that of IDs: clocks of hosts, and transactions that took long.
MOST_SKEW = timedelta(hours=1)


class Viewer(Protocol):
    """The attributes of an actor that are used here, since this package is below teams."""

    @property
    def team(self) -> Any: ...

    @property
    def user(self) -> Any: ...

    @property
    def is_admin(self) -> bool: ...

    @property
    def is_service(self) -> bool: ...


def visible_to(viewer: Viewer) -> QuerySet[AuditEvent]:
    """The team's events for owners, admins and service keys; their own events for members.

    Only owners and admins create service keys, and decide about `audit:read`.
    """
    of_team = AuditEvent.objects.filter(team_id=viewer.team.pk)
    if viewer.is_admin or viewer.is_service:
        return of_team
    return of_team.filter(actor_id=str(viewer.user.pk))


def apply_filters(events: QuerySet[AuditEvent], filters: Mapping[str, Any]) -> QuerySet[AuditEvent]:
    """The events that match all filters. `action` may be several; `since` is inclusive, `until` is exclusive.

    A period also becomes a range of IDs, by which the log is read, since IDs ascend with time.
    """
    columns = {
        "integration": "integration",
        "actor": "actor_id",
        "action": "action",
        "outcome": "outcome",
        "since": "occurred_at__gte",
        "until": "occurred_at__lt",
    }
    lookups = {columns[name]: value for name, value in filters.items() if name in columns and value not in (None, "")}
    if isinstance(lookups.get("action"), tuple):
        lookups["action__in"] = lookups.pop("action")
    if connection := filters.get("connection"):
        lookups |= {"target_type": "connection", "target_id": str(connection)}
    if since := filters.get("since"):
        first = _first_id_from(since - MOST_SKEW)
        if first is None:
            return events.none()
        lookups["pk__gte"] = first
    if (until := filters.get("until")) and (beyond := _first_id_from(until + MOST_SKEW)) is not None:
        lookups["pk__lte"] = beyond
    return events.filter(**lookups)


def _first_id_from(moment: datetime) -> int | None:
    later = AuditEvent.objects.filter(occurred_at__gte=moment).order_by("occurred_at", "pk")
    return later.values_list("pk", flat=True).first()


def newest_of(events: QuerySet[AuditEvent], narrowed: Q, *, rows: int) -> tuple[list[AuditEvent], AuditEvent | None]:
    """The newest `rows` of `events` that match `narrowed`, among the newest MOST_READ of them.

    For what no index finds, such as a text. The second value is the oldest event that was looked at, if there are more.
    """
    newest = events.order_by("-pk")
    last_read = newest[MOST_READ - 1 : MOST_READ].first()
    looked_at = events.filter(pk__gte=last_read.pk) if last_read else events
    return list(looked_at.filter(narrowed).order_by("-pk")[:rows]), last_read


def was_done(viewer: Viewer, *, action: str, target_id: str) -> bool:
    """Whether the viewer's log has this action as done. Makes repeating a DELETE succeed."""
    return visible_to(viewer).filter(action=action, target_id=target_id, outcome="success").exists()


def iterate(events: QuerySet[AuditEvent]) -> Iterator[AuditEvent]:
    """All events, newest first, in batches: constant memory, and no open database cursor."""
    before: int | None = None
    while True:
        rows = events.order_by("-id")
        batch = list((rows.filter(pk__lt=before) if before else rows)[:BATCH_SIZE])
        yield from batch
        if len(batch) < BATCH_SIZE:
            return
        before = batch[-1].pk
