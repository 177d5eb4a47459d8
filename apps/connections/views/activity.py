"""A connection's events, with filters that stand in the address: what happened, through whom, when."""

from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.audit.forms import FilterForm
from apps.audit.messages import MESSAGES
from apps.audit.models import AuditEvent
from apps.audit.querysets import chosen
from apps.audit.views import Row
from apps.connections.views.detail import frame
from apps.connections.views.lookup import viewed_connection
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest

EVENTS = 30
# Those who did something are told from so many of the newest events: a busy connection has a great many.
_LOOKED_AT = 2_000
_SCHEDULER = "system"


class ActivityForm(FilterForm):
    """The audit log's filters, as far as they make sense for one connection. `who`: (value, label) of each actor."""

    integration = connection = None  # type: ignore[assignment]  # this is how Django takes fields away
    actor = forms.ChoiceField(required=False, label="Who or what")  # type: ignore[assignment]  # of those that did something

    def __init__(self, data: Any, *, who: list[tuple[str, str]]) -> None:
        super().__init__(data)
        kinds = [(action, words) for action, words in MESSAGES.items() if action.startswith(("connection.", "token."))]
        self.fields["action"].choices = [("", "Any event"), *sorted(kinds, key=lambda one: one[1])]  # type: ignore[attr-defined]
        self.fields["actor"].choices = [("", "Anybody"), *who]  # type: ignore[attr-defined]


@require_safe
@never_cache
@team_required
def activity(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """Newest first. GET parameters: the filters, and `before`, the event after which the page starts."""
    connection = viewed_connection(request.actor, connection_id)
    events = AuditEvent.objects.filter(team_id=connection.team_id, target_type="connection", target_id=connection.pk)
    form = ActivityForm(request.GET, who=_who(events))
    given, fitting = form.given(), _fitting(events, form.wanted())
    before = request.GET.get("before", "")
    is_number = before.isascii() and before.isdecimal() and len(before) < 19
    found = list((fitting.filter(pk__lt=int(before)) if is_number else fitting)[: EVENTS + 1])
    context = frame(request, connection, "activity") | {
        "events": [Row(event=event, is_open=False, toggle="") for event in found[:EVENTS]],
        "form": form,
        "given": given,
        "newest": f"{request.path}?{urlencode(given)}" if is_number else "",
        "older": f"?{urlencode(given | {'before': str(found[EVENTS - 1].pk)})}" if len(found) > EVENTS else "",
    }
    return render(request, "connections/page/activity.html", context)


def _who(events: QuerySet[AuditEvent]) -> list[tuple[str, str]]:
    newest = events.order_by("-id").values_list("actor_kind", "actor_id", "actor_label")[:_LOOKED_AT]
    # The newest name of each is the one that it has now.
    labels: dict[str, str] = {}
    for kind, actor, label in newest:
        value = _SCHEDULER if kind == _SCHEDULER else actor
        if value:
            labels.setdefault(value, f"{label} (service key)" if kind == "service" else label)
    return sorted(labels.items(), key=lambda one: one[1].casefold())


def _fitting(events: QuerySet[AuditEvent], wanted: dict[str, Any]) -> QuerySet[AuditEvent]:
    if wanted.get("actor") == _SCHEDULER:
        return chosen(events, {**wanted, "actor": ""}).filter(actor_kind=_SCHEDULER)
    return chosen(events, wanted)
