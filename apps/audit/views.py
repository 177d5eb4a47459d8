"""The audit log's page: newest events first, with filters, paged by the number of the event; and the same as a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from apps.audit.export import CSV, JSON_LINES, SUFFIXES, export
from apps.audit.forms import FilterForm
from apps.audit.messages import action_label
from apps.audit.models import AuditEvent
from apps.audit.querysets import chosen, visible_to

PAGE = 50
EXPORTS = (("CSV", CSV), ("JSON Lines", JSON_LINES))
SOURCES = {"user": "member", "service": "service key", "operator": "operator", "system": "scheduler"}


@dataclass(frozen=True)
class Row:
    """An event with the words that the page shows."""

    event: AuditEvent
    is_open: bool
    toggle: str
    same_actor: str = ""
    same_connection: str = ""

    @cached_property
    def action(self) -> str:
        return action_label(self.event.action)

    @cached_property
    def source(self) -> str:
        if self.event.workflow_id:
            return f"workflow, run {self.event.run_id}" if self.event.run_id else "workflow"
        return SOURCES.get(self.event.actor_kind, self.event.actor_kind)

    @cached_property
    def details(self) -> list[tuple[str, str]]:
        """Label and value of what was written down beside the columns."""
        return [(key.replace("_", " ").capitalize(), _value(value)) for key, value in self.event.detail.items()]


@require_safe
def events(request: HttpRequest) -> HttpResponse:
    """GET parameters: the filters, `before` (the event after which the page starts), `open` (the one unfolded)."""
    visible = visible_to(cast(Any, request).actor)
    form = FilterForm(request.GET)
    given, before = form.given(), _number(request.GET.get("before"))
    fitting = chosen(visible, form.wanted())
    found = list((fitting.filter(pk__lt=before) if before else fitting)[: PAGE + 1])
    kept = {**given, "before": before}
    shown = {
        "rows": [_row(event, kept, opened=_number(request.GET.get("open"))) for event in found[:PAGE]],
        "integrations": _integrations(visible),
        "form": form,
        "given": given,
        "only": _only(given, found),
        "newest": _address(**given) if before else "",
        "older": _address(**given, before=found[PAGE - 1].pk) if len(found) > PAGE else "",
        "exports": [(label, _address(**given, format=SUFFIXES[kind])) for label, kind in EXPORTS],
    }
    return render(request, "audit/events.html", shown)


@require_safe
def download(request: HttpRequest) -> HttpResponseBase:
    """What the page shows by its filters, as a file: GET parameter `format`, csv or jsonl."""
    actor: Any = cast(Any, request).actor
    form = FilterForm(request.GET)
    kinds = {suffix: kind for kind, suffix in SUFFIXES.items()}
    kind = kinds.get(request.GET.get("format", ""))
    if kind is None:
        raise Http404
    events = chosen(visible_to(actor), form.wanted())
    return export(events, media_type=kind, origin=actor.origin, team_id=actor.team.pk, filters=form.given())


def _only(given: Mapping[str, str], found: list[AuditEvent]) -> list[tuple[str, str]]:
    """(words, address without it) of filters that are set from an event's details rather than from the form."""
    first = found[0] if found else None
    names = {
        "connection": f"Only about {first.target_label if first else 'one connection'}",
        "actor": f"Only by {first.actor_label if first else 'one member'}",
    }
    others = {name: {key: value for key, value in given.items() if key != name} for name in names}
    return [(words, _address(**others[name])) for name, words in names.items() if name in given]


def _integrations(visible: QuerySet[AuditEvent]) -> list[str]:
    names = visible.exclude(integration="").order_by("integration").values_list("integration", flat=True)
    return list(names.distinct())


def _row(event: AuditEvent, kept: Mapping[str, int | str | None], *, opened: int | None) -> Row:
    is_open = event.pk == opened
    others = {name: value for name, value in kept.items() if name != "before"}
    about_connection = event.target_type == "connection" and event.target_id
    return Row(
        event=event,
        is_open=is_open,
        toggle=_address(**kept, open=None if is_open else event.pk),
        same_actor=_address(**others | {"actor": event.actor_id}) if _is_id(event.actor_id) else "",
        same_connection=_address(**others | {"connection": event.target_id}) if about_connection else "",
    )


def _is_id(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


def _address(**parameters: int | str | None) -> str:
    return "?" + urlencode({name: value for name, value in parameters.items() if value})


def _number(text: str | None) -> int | None:
    # Longer ones are no event's number, and SQLite takes none beyond 64 bits.
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else None


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "none"
    return "none" if value is None else str(value)
