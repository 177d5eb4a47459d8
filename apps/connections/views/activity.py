"""A connection's audit events, with filters in the query string."""

from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.audit.forms import FilterForm
from apps.audit.messages import MESSAGES
from apps.audit.models import AuditEvent
from apps.audit.querysets import apply_filters
from apps.audit.rows import Row, one_per_call
from apps.connections.views.detail import frame
from apps.connections.views.lookup import viewed_connection
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest

EVENTS = 30
# How many of the newest events are read to list the actors: a busy connection has very many events.
_MAX_EVENTS_FOR_ACTORS = 2_000
_SCHEDULER = "system"


class ActivityForm(FilterForm):
    """The audit log's filters that apply to a single connection. `actors` holds the value and label of each actor."""

    integration = connection = None  # type: ignore[assignment]  # this is how Django takes fields away
    actor = forms.ChoiceField(required=False, label="Actor")  # type: ignore[assignment]  # a choice instead of text

    def __init__(self, data: Any, *, actors: list[tuple[str, str]]) -> None:
        super().__init__(data)
        actions = [
            (action, label) for action, label in MESSAGES.items() if action.startswith(("connection.", "token."))
        ]
        self.fields["action"].choices = [("", gettext("Any event")), *sorted(actions, key=lambda one: one[1])]  # type: ignore[attr-defined]
        self.fields["actor"].choices = [("", gettext("Anyone")), *actors]  # type: ignore[attr-defined]


@require_safe
@never_cache
@team_required
def activity(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """Newest first. Query parameters: the filters, and `before`, the ID of the event before the page starts."""
    connection = viewed_connection(request.actor, connection_id)
    events = AuditEvent.objects.filter(team_id=connection.team_id, target_type="connection", target_id=connection.pk)
    form = ActivityForm(request.GET, actors=_actors(events))
    filters, matching = form.query_params(), _matching(events, form.filters())
    before = request.GET.get("before", "")
    is_number = before.isascii() and before.isdecimal() and len(before) < 19
    page = list((matching.filter(pk__lt=int(before)) if is_number else matching)[: EVENTS + 1])
    context = frame(request, connection, "activity") | {
        "events": [Row(event=event) for event in one_per_call(page[:EVENTS], events)],
        "form": form,
        "given": filters,
        "newest": f"{request.path}?{urlencode(filters)}" if is_number else "",
        "older": f"?{urlencode(filters | {'before': str(page[EVENTS - 1].pk)})}" if len(page) > EVENTS else "",
    }
    return render(request, "connections/page/activity.html", context)


def _actors(events: QuerySet[AuditEvent]) -> list[tuple[str, str]]:
    newest = events.order_by("-id").values_list("actor_kind", "actor_id", "actor_label")[:_MAX_EVENTS_FOR_ACTORS]
    # The newest label of an actor is the current one.
    labels: dict[str, str] = {}
    for kind, actor, label in newest:
        value = _SCHEDULER if kind == _SCHEDULER else actor
        if value:
            labels.setdefault(
                value, gettext("%(label)s (service key)") % {"label": label} if kind == "service" else label
            )
    return sorted(labels.items(), key=lambda one: one[1].casefold())


def _matching(events: QuerySet[AuditEvent], filters: dict[str, Any]) -> QuerySet[AuditEvent]:
    if filters.get("actor") == _SCHEDULER:
        return apply_filters(events, {**filters, "actor": ""}).filter(actor_kind=_SCHEDULER)
    return apply_filters(events, filters)
