"""Which events a viewer may see, and the filters that the page, the API and the export have in common."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from django.db.models import QuerySet

from apps.audit.models import AuditEvent

# So many rows are in memory at once while the log is walked through.
BATCH_SIZE = 500


class Viewer(Protocol):
    """What this room, which knows no teams, needs of the actor that looks at the log."""

    @property
    def team(self) -> Any: ...

    @property
    def user(self) -> Any: ...

    @property
    def is_admin(self) -> bool: ...

    @property
    def is_service(self) -> bool: ...


def visible_to(viewer: Viewer) -> QuerySet[AuditEvent]:
    """The whole log of the team for owners and admins; for members what they did themselves.

    A service key sees the whole of it too: only owners and admins make one, and say with `audit:read` that it may.
    """
    of_team = AuditEvent.objects.filter(team_id=viewer.team.pk)
    if viewer.is_admin or viewer.is_service:
        return of_team
    return of_team.filter(actor_id=str(viewer.user.pk))


def chosen(events: QuerySet[AuditEvent], wanted: Mapping[str, Any]) -> QuerySet[AuditEvent]:
    """Those that fit every filter that is given: `since` is inclusive, `until` is not."""
    columns = {
        "integration": "integration",
        "actor": "actor_id",
        "action": "action",
        "outcome": "outcome",
        "since": "occurred_at__gte",
        "until": "occurred_at__lt",
    }
    given = {columns[name]: value for name, value in wanted.items() if name in columns and value not in (None, "")}
    if connection := wanted.get("connection"):
        given |= {"target_type": "connection", "target_id": str(connection)}
    return events.filter(**given)


def done_before(viewer: Viewer, *, action: str, target_id: str) -> bool:
    """Whether the log that the viewer sees tells that this was done: what is removed a second time is no error."""
    return visible_to(viewer).filter(action=action, target_id=target_id, outcome="success").exists()


def walk(events: QuerySet[AuditEvent]) -> Iterator[AuditEvent]:
    """All of them, newest first, a portion at a time: constant memory, and no cursor held open meanwhile."""
    before: int | None = None
    while True:
        rows = events.order_by("-id")
        portion = list((rows.filter(pk__lt=before) if before else rows)[:BATCH_SIZE])
        yield from portion
        if len(portion) < BATCH_SIZE:
            return
        before = portion[-1].pk
