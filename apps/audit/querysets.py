"""Visible audit events, and the filters of the page, the API and the export."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from django.db.models import QuerySet

from apps.audit.models import AuditEvent

# Rows in memory at once during an export.
BATCH_SIZE = 500


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
    """The events that match all filters. `since` is inclusive, `until` is exclusive."""
    columns = {
        "integration": "integration",
        "actor": "actor_id",
        "action": "action",
        "outcome": "outcome",
        "since": "occurred_at__gte",
        "until": "occurred_at__lt",
    }
    lookups = {columns[name]: value for name, value in filters.items() if name in columns and value not in (None, "")}
    if connection := filters.get("connection"):
        lookups |= {"target_type": "connection", "target_id": str(connection)}
    return events.filter(**lookups)


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
