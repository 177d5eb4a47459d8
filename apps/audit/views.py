"""The audit log's page: newest events first, filtered by integration, paged by the number of the event."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from apps.audit.models import AuditEvent
from apps.audit.words import in_words

PAGE = 50
SOURCES = {"user": "member", "service": "service key", "operator": "operator", "system": "scheduler"}


class Viewer(Protocol):
    """What this room, which knows no teams, needs of the actor that looks at the log."""

    @property
    def team(self) -> Any: ...

    @property
    def user(self) -> Any: ...

    @property
    def is_admin(self) -> bool: ...


@dataclass(frozen=True)
class Row:
    """An event with the words that the page shows."""

    event: AuditEvent
    is_open: bool
    toggle: str

    @cached_property
    def action(self) -> str:
        return in_words(self.event.action)

    @cached_property
    def source(self) -> str:
        if self.event.workflow_id:
            return f"workflow, run {self.event.run_id}" if self.event.run_id else "workflow"
        return SOURCES.get(self.event.actor_kind, self.event.actor_kind)

    @cached_property
    def details(self) -> list[tuple[str, str]]:
        """Label and value of what was written down beside the columns."""
        return [(key.replace("_", " ").capitalize(), _value(value)) for key, value in self.event.detail.items()]


def visible_to(viewer: Viewer) -> QuerySet[AuditEvent]:
    """The whole log of the team for owners and admins; for members what they did themselves."""
    of_team = AuditEvent.objects.filter(team_id=viewer.team.pk)
    return of_team if viewer.is_admin else of_team.filter(actor_id=str(viewer.user.pk))


@require_safe
def events(request: HttpRequest) -> HttpResponse:
    """GET parameters: `integration`, `before` (the event after which the page starts), `open` (the one unfolded)."""
    visible = visible_to(cast(Any, request).actor)
    integration = request.GET.get("integration", "").replace("\0", "")[:100]  # PostgreSQL refuses NUL in text
    before = _number(request.GET.get("before"))
    chosen = visible.filter(integration=integration) if integration else visible
    found = list((chosen.filter(pk__lt=before) if before else chosen)[: PAGE + 1])
    kept = {"integration": integration, "before": before}
    shown = {
        "rows": [_row(event, kept, opened=_number(request.GET.get("open"))) for event in found[:PAGE]],
        "integrations": _integrations(visible),
        "integration": integration,
        "newest": _address(integration=integration) if before else "",
        "older": _address(integration=integration, before=found[PAGE - 1].pk) if len(found) > PAGE else "",
    }
    return render(request, "audit/events.html", shown)


def _integrations(visible: QuerySet[AuditEvent]) -> list[str]:
    names = visible.exclude(integration="").order_by("integration").values_list("integration", flat=True)
    return list(names.distinct())


def _row(event: AuditEvent, kept: Mapping[str, int | str | None], *, opened: int | None) -> Row:
    is_open = event.pk == opened
    return Row(event=event, is_open=is_open, toggle=_address(**kept, open=None if is_open else event.pk))


def _address(**parameters: int | str | None) -> str:
    return "?" + urlencode({name: value for name, value in parameters.items() if value})


def _number(text: str | None) -> int | None:
    # Longer ones are no event's number, and SQLite takes none beyond 64 bits.
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else None


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "none"
    return "none" if value is None else str(value)
