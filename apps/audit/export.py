"""Export of the audit log as CSV or JSON Lines, streamed in constant memory."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext_noop

from apps.audit.models import AuditEvent
from apps.audit.origin import Origin, Target
from apps.audit.querysets import iterate
from apps.audit.services import record

# The columns of the file, and the fields of an event in the API.
COLUMNS = (
    "id",
    "occurred_at",
    "action",
    "outcome",
    "actor_kind",
    "actor_id",
    "actor_label",
    "target_type",
    "target_id",
    "target_label",
    "integration",
    "workflow_id",
    "workflow_name",
    "run_id",
    "ip",
    "user_agent",
    "token_fp",
    "detail",
)
CSV, JSON_LINES = "text/csv", "application/x-ndjson"
SUFFIXES = {CSV: "csv", JSON_LINES: "jsonl"}
# What spreadsheets read as the start of a formula (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def export(
    events: QuerySet[AuditEvent], *, media_type: str, origin: Origin, team_id: Any, filters: dict[str, Any]
) -> StreamingHttpResponse:
    """The events as a file download. The export itself is recorded before the first row is sent."""
    with transaction.atomic():
        record(
            action="audit.exported",
            origin=origin,
            team_id=team_id,
            target=Target("audit_log", str(team_id), gettext_noop("Audit log")),
            format=SUFFIXES[media_type],
            filters={name: str(value) for name, value in filters.items() if value not in (None, "")},
        )
    response = StreamingHttpResponse(_LINES[media_type](iterate(events)), content_type=f"{media_type}; charset=utf-8")
    name = f"audit-log-{timezone.now():%Y-%m-%d}.{SUFFIXES[media_type]}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def as_json(event: AuditEvent) -> dict[str, Any]:
    """The event's columns by name."""
    return {name: getattr(event, name) for name in COLUMNS}


class _Line:
    """A file object for the csv module whose write() returns the line."""

    def write(self, line: str) -> str:
        return line


def _csv(events: Iterable[AuditEvent]) -> Iterator[str]:
    writer = csv.writer(_Line(), quoting=csv.QUOTE_ALL)
    yield writer.writerow(COLUMNS)
    for event in events:
        yield writer.writerow([_cell(value) for value in as_json(event).values()])


def _json_lines(events: Iterable[AuditEvent]) -> Iterator[str]:
    for event in events:
        yield json.dumps(as_json(event), cls=DjangoJSONEncoder, ensure_ascii=False) + "\n"


_LINES: dict[str, Callable[[Iterable[AuditEvent]], Iterator[str]]] = {CSV: _csv, JSON_LINES: _json_lines}


def _cell(value: Any) -> str:
    """Text that no spreadsheet evaluates, since labels contain what people entered."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
