"""The page of the audit log, newest events first, paged by event ID; and its export."""

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
from apps.audit.querysets import apply_filters, visible_to

PAGE_SIZE = 50
EXPORTS = (("CSV", CSV), ("JSON Lines", JSON_LINES))
SOURCES = {"user": "member", "service": "service key", "operator": "operator", "system": "scheduler"}


@dataclass(frozen=True)
class Row:
    """An event with its labels and links."""

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
        """Labels and values of the event's detail."""
        return [(key.replace("_", " ").capitalize(), _value(value)) for key, value in self.event.detail.items()]


@require_safe
def events(request: HttpRequest) -> HttpResponse:
    """GET parameters: the filters, `before` (the ID after which the page starts), `open` (the expanded event)."""
    visible = visible_to(cast(Any, request).actor)
    form = FilterForm(request.GET)
    params, before = form.query_params(), _integer(request.GET.get("before"))
    matching = apply_filters(visible, form.filters())
    page = list((matching.filter(pk__lt=before) if before else matching)[: PAGE_SIZE + 1])
    current = {**params, "before": before}
    context = {
        "rows": [_row(event, current, opened=_integer(request.GET.get("open"))) for event in page[:PAGE_SIZE]],
        "integrations": _integrations(visible),
        "form": form,
        "given": params,
        "only": _removable_filters(params, page),
        "newest": _link(**params) if before else "",
        "older": _link(**params, before=page[PAGE_SIZE - 1].pk) if len(page) > PAGE_SIZE else "",
        "exports": [(label, _link(**params, format=SUFFIXES[kind])) for label, kind in EXPORTS],
    }
    return render(request, "audit/events.html", context)


@require_safe
def download(request: HttpRequest) -> HttpResponseBase:
    """The page's events as a file. GET parameter `format`: csv or jsonl."""
    actor: Any = cast(Any, request).actor
    form = FilterForm(request.GET)
    kinds = {suffix: kind for kind, suffix in SUFFIXES.items()}
    kind = kinds.get(request.GET.get("format", ""))
    if kind is None:
        raise Http404
    events = apply_filters(visible_to(actor), form.filters())
    return export(events, media_type=kind, origin=actor.origin, team_id=actor.team.pk, filters=form.query_params())


def _removable_filters(params: Mapping[str, str], page: list[AuditEvent]) -> list[tuple[str, str]]:
    """(label, link without it) of the filters that are set by an event's details, not by the form."""
    first = page[0] if page else None
    labels = {
        "connection": f"Only about {first.target_label if first else 'one connection'}",
        "actor": f"Only by {first.actor_label if first else 'one member'}",
    }
    others = {name: {key: value for key, value in params.items() if key != name} for name in labels}
    return [(label, _link(**others[name])) for name, label in labels.items() if name in params]


def _integrations(visible: QuerySet[AuditEvent]) -> list[str]:
    names = visible.exclude(integration="").order_by("integration").values_list("integration", flat=True)
    return list(names.distinct())


def _row(event: AuditEvent, params: Mapping[str, int | str | None], *, opened: int | None) -> Row:
    is_open = event.pk == opened
    filters = {name: value for name, value in params.items() if name != "before"}
    about_connection = event.target_type == "connection" and event.target_id
    return Row(
        event=event,
        is_open=is_open,
        toggle=_link(**params, open=None if is_open else event.pk),
        same_actor=_link(**filters | {"actor": event.actor_id}) if _is_uuid(event.actor_id) else "",
        same_connection=_link(**filters | {"connection": event.target_id}) if about_connection else "",
    )


def _is_uuid(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


def _link(**parameters: int | str | None) -> str:
    return "?" + urlencode({name: value for name, value in parameters.items() if value})


def _integer(text: str | None) -> int | None:
    # SQLite's integers have 64 bits.
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else None


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "none"
    return "none" if value is None else str(value)
