"""What is known about a connection that needs attention: since when, what the service responded, tries, who knows."""

from dataclasses import dataclass
from datetime import datetime

from apps.audit.messages import action_label
from apps.audit.models import AuditEvent
from apps.connections.models import Connection, RepairRequest, TokenSet, TraceEntry
from apps.connections.policy.outlook import last_verified_at
from apps.connections.services.status import TRANSIENT_REASONS
from apps.notifications.models import AttentionMail

# The number of events that are listed, of the newest ones that are read.
_LISTED, _READ = 6, 60
MOST_REQUESTS = 5
_TRIES = (
    "connection.refresh_failed",
    "connection.refreshed",
    "connection.use_failed",
    "connection.checked",
    "connection.needs_attention",
    "connection.lacks_scopes",
)


@dataclass(frozen=True)
class Try:
    """One try, newest first. `answer` is the service's code or status, if it is known."""

    at: datetime
    label: str
    answer: str
    succeeded: bool


@dataclass(frozen=True)
class Details:
    """`answer` is the service's error code or HTTP status, `words` its own description; both may be empty.

    `next_try_at` is None if nothing is tried before a person acts. `notified` are names of people, since `notified_at`.
    `requests` are those to repair it, newest first.
    """

    since: datetime
    last_worked_at: datetime | None
    answer: str
    words: str
    next_try_at: datetime | None
    is_retried: bool
    notified: list[str]
    notified_at: datetime | None
    tries: list[Try]
    requests: list[RepairRequest]


def details_of(connection: Connection) -> Details:
    """The details of a connection that needs attention, with its token set loaded."""
    token_set: TokenSet | None = getattr(connection, "token_set", None)
    mails = AttentionMail.objects.filter(connection_id=connection.pk, recovered_at=None).select_related("user")
    notified = list(mails.order_by("sent_at"))
    tries = _tries(connection)
    return Details(
        since=connection.status_changed_at,
        last_worked_at=last_verified_at(connection),
        answer=_answer(connection, token_set, tries),
        words=connection.service_message,
        next_try_at=token_set.next_refresh_at if token_set is not None else None,
        is_retried=connection.status_reason in TRANSIENT_REASONS,
        notified=sorted({str(mail.user) for mail in notified}),
        notified_at=notified[0].sent_at if notified else None,
        tries=tries,
        requests=_requests(connection),
    )


def _answer(connection: Connection, token_set: TokenSet | None, tries: list[Try]) -> str:
    entries = TraceEntry.objects.filter(connection=connection).order_by("-at", "-pk")
    last = entries.first()
    if last is not None and last.status is not None and not last.went_well:
        return f"HTTP {last.status}"
    failed = next((one.answer for one in tries if not one.succeeded and one.answer), "")
    return failed or (token_set.last_failure if token_set is not None and token_set.failure_count else "")


def _tries(connection: Connection) -> list[Try]:
    events = AuditEvent.objects.filter(team_id=connection.team_id, target_type="connection", target_id=connection.pk)
    newest = [event for event in events.order_by("-pk")[:_READ] if event.action in _TRIES]
    return [_try(event) for event in newest[:_LISTED]]


def _try(event: AuditEvent) -> Try:
    succeeded = event.outcome == AuditEvent.Outcome.SUCCESS
    return Try(event.occurred_at, action_label(event.action), "" if succeeded else _code(event), succeeded)


def _code(event: AuditEvent) -> str:
    detail = event.detail
    if status := detail.get("status") or detail.get("answered"):
        return f"HTTP {status}"
    code = detail.get("error") or detail.get("code") or detail.get("failure") or ""
    return str(code)[:60]


def _requests(connection: Connection) -> list[RepairRequest]:
    since = connection.repair_requests.filter(asked_at__gte=connection.status_changed_at)
    return list(since.select_related("asked_by").order_by("-asked_at")[:MOST_REQUESTS])
