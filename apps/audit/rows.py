"""Events as rows of a page: labels, details and links; and one row for each call."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet
from django.utils.functional import Promise, cached_property
from django.utils.http import urlencode
from django.utils.translation import gettext, pgettext_lazy

from apps.audit.messages import action_label
from apps.audit.models import CALL_FAILED, CALLED, AuditEvent

SOURCES: dict[str, str | Promise] = {
    "user": pgettext_lazy("performed an event", "member"),
    "service": pgettext_lazy("performed an event", "service key"),
    "operator": pgettext_lazy("performed an event", "operator"),
    "system": pgettext_lazy("performed an event", "scheduler"),
}
# Failures that are read to find those of the calls on a page.
_MOST_FAILURES = 500
# Details that the row itself shows, or that no one reads.
_SHOWN = ("call", "method", "path")


@dataclass(frozen=True)
class Row:
    """An event with its labels and links. `integration` is the service's name."""

    event: AuditEvent
    is_open: bool = False
    toggle: str = ""
    same_actor: str = ""
    same_connection: str = ""
    integration: str = ""

    @cached_property
    def action(self) -> str:
        return action_label(CALLED if self.event.action == CALL_FAILED else self.event.action)

    @cached_property
    def request(self) -> str:
        """What was called: method and path; empty for other events."""
        detail = self.event.detail
        return f"{detail.get('method', '')} {detail.get('path', '')}".strip()

    @cached_property
    def source(self) -> str:
        if self.event.workflow_id:
            run = self.event.run_id
            return gettext("workflow, run %(run)s") % {"run": run} if run else gettext("workflow")
        return str(SOURCES.get(self.event.actor_kind, self.event.actor_kind))

    @cached_property
    def details(self) -> list[tuple[str, str]]:
        """Labels and values of the event's detail."""
        detail = {key: value for key, value in self.event.detail.items() if key not in _SHOWN}
        return [(key.replace("_", " ").capitalize(), _value(value)) for key, value in detail.items()]


def row_of(event: AuditEvent, params: Mapping[str, int | str | None], *, opened: int | None, name: str) -> Row:
    """The row of an event on a page with these query parameters; `opened` is the ID of the expanded event."""
    is_open = event.pk == opened
    filters = {key: value for key, value in params.items() if key != "before"}
    about_connection = event.target_type == "connection" and event.target_id
    return Row(
        event=event,
        is_open=is_open,
        toggle=link(**params, open=None if is_open else event.pk),
        same_actor=link(**filters | {"actor": event.actor_id}) if _is_uuid(event.actor_id) else "",
        same_connection=link(**filters | {"connection": event.target_id}) if about_connection else "",
        integration=name,
    )


def one_per_call(page: Sequence[AuditEvent], visible: QuerySet[AuditEvent]) -> list[AuditEvent]:
    """The events without the start of each call that failed: its failure, a later event, is the row of the call.

    `visible` are all events that the page could have, since filters may hide the failure.
    """
    began = {call for event in page if event.action == CALLED and (call := event.detail.get("call"))}
    if not began:
        return list(page)
    later = visible.filter(outcome=AuditEvent.Outcome.FAILURE, action=CALL_FAILED, pk__gt=page[-1].pk)
    details = later.order_by("pk").values_list("detail", flat=True)[:_MOST_FAILURES]
    failed = began & {detail.get("call") for detail in details}
    return [event for event in page if event.action != CALLED or event.detail.get("call") not in failed]


def slugs_of(events: Iterable[AuditEvent]) -> set[str]:
    """The slugs of the integrations of the events."""
    return {event.integration for event in events if event.integration}


def link(**parameters: int | str | None) -> str:
    """A query string of the parameters that have a value."""
    return "?" + urlencode({name: value for name, value in parameters.items() if value})


def integer(text: str | None) -> int | None:
    """The number in a query parameter; None for anything else."""
    # SQLite's integers have 64 bits.
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else None


def _is_uuid(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or gettext("none")
    return gettext("none") if value is None else str(value)
