"""Traces: the redacted requests to a service, kept for debugging. Of built-in services, those of failed operations.

They are collected during an operation and written after it, so that a trace never delays or prevents the commit of a
token.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import DatabaseError, transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from apps import egress
from apps.connections.models import AuthorizationAttempt, Connection, TraceEntry
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.reach import has_fixed_hosts
from apps.oauth.trace import TraceLine, notes_observed, trace_line, with_notes
from apps.teams.models import Team

logger = logging.getLogger(__name__)

KEPT_FOR = timedelta(days=7)
_MAX_LINES = 50


@dataclass
class Trace:
    """The requests of one operation. `connection_id` may be set during the operation, and `has_failed` by its caller.

    Built-in services are called much more often, so their requests are redacted only once the operation has failed.
    """

    integration: Integration
    team_id: UUID
    label: str
    # Called only where it matters: the row of an attempt's OAuth app may be gone.
    oauth_app: Callable[[], OAuthApp | None] = lambda: None
    connection_id: UUID | None = None
    attempt_id: UUID | None = None
    has_failed: bool = False
    lines: list[tuple[datetime, TraceLine]] = field(default_factory=list)
    exchanges: list[tuple[datetime, egress.Exchange]] = field(default_factory=list, repr=False)

    @sensitive_variables()
    def note(self, exchange: egress.Exchange) -> None:
        if len(self.lines) + len(self.exchanges) >= _MAX_LINES:
            return
        if self.integration.is_custom:
            self.lines.append((timezone.now(), redacted(exchange)))
        else:
            self.exchanges.append((timezone.now(), exchange))

    def add_notes(self, notes: tuple[str, ...]) -> None:
        """Notes about the token response that was read last."""
        if self.lines:
            at, line = self.lines[-1]
            self.lines[-1] = (at, with_notes(line, notes))

    def add_callback(self, url: str, code: str, message: str) -> None:
        """The error with which a consent page redirected to `url`; `message` is redacted."""
        fields = (("error", code[:60]), *((("error_description", message),) if message else ()))
        line = TraceLine(
            what="callback",
            method="GET",
            url=url[:500],
            authentication="",
            parameters=(),
            status=None,
            content_type="",
            size=0,
            fields=fields,
            error=code[:60],
            milliseconds=0,
        )
        self.lines.append((timezone.now(), line))


@sensitive_variables()
def redacted(exchange: egress.Exchange) -> TraceLine:
    """The trace line of an exchange, without secrets."""
    request, answer = exchange.request, exchange.response
    headers: Mapping[str, str | bytes] = request.headers  # requests-oauthlib sets bytes
    return trace_line(
        method=request.method or "",
        url=request.url or "",
        headers={name: value.decode() if isinstance(value, bytes) else value for name, value in headers.items()},
        body=request.body if isinstance(request.body, bytes | str) else None,
        status=None if answer is None else answer.status_code,
        response_headers={} if answer is None else answer.headers,
        response=b"" if answer is None else answer.content,
        error=exchange.error,
        seconds=exchange.seconds,
    )


@contextmanager
def traced(trace: Trace) -> Iterator[Trace]:
    """Trace the requests of this block: those to a custom API always, others if the block raises or is marked so.

    They are sent on behalf of the trace's team.
    """
    integration, oauth_app = trace.integration, trace.oauth_app
    reach = egress.on_behalf_of(trace.team_id, has_fixed_hosts=lambda: has_fixed_hosts(integration, oauth_app()))
    try:
        with reach, egress.observed(trace.note), notes_observed(trace.add_notes):
            yield trace
    except Exception:
        trace.has_failed = True
        raise
    finally:
        if trace.integration.is_custom or trace.has_failed:
            _write(trace)


def of_connection(connection: Connection) -> Trace:
    """The trace of an operation on a connection."""
    return Trace(
        integration=connection.integration,
        team_id=connection.team_id,
        label=connection.name,
        oauth_app=lambda: connection.oauth_app,
        connection_id=connection.pk,
    )


def of_attempt(attempt: AuthorizationAttempt) -> Trace:
    """The trace of an authorization flow: of the connection that it reconnects, or creates."""
    label = attempt.connection.name if attempt.connection else ""
    if not label and attempt.integration.is_custom:  # only these have a page with the traces of attempts
        label = str(attempt.user)
    return Trace(
        integration=attempt.integration,
        team_id=attempt.team_id,
        label=label,
        oauth_app=lambda: attempt.oauth_app,
        connection_id=attempt.connection_id,
        attempt_id=attempt.pk,
    )


@sensitive_variables()
def _write(trace: Trace) -> None:
    trace.lines += [(at, redacted(exchange)) for at, exchange in trace.exchanges]
    if not trace.lines:
        return
    try:
        with transaction.atomic():
            if not _has_owner(trace):
                return  # the team was closed or the integration deleted meanwhile
            known = trace.connection_id
            exists = known is not None and Connection.objects.filter(pk=known).exists()
            TraceEntry.objects.bulk_create(
                TraceEntry(
                    team_id=trace.team_id,
                    integration=trace.integration,
                    connection_id=known if exists else None,
                    attempt_id=trace.attempt_id,
                    label=trace.label[:200],
                    at=at,
                    **asdict(line),
                )
                for at, line in trace.lines
            )
    except DatabaseError as error:
        logger.warning("trace not stored integration=%s error=%s", trace.integration.slug, type(error).__name__)


def _has_owner(trace: Trace) -> bool:
    """Whether the trace's team and integration still exist."""
    team = Team.objects.filter(pk=trace.team_id)
    return team.exists() and Integration.objects.filter(pk=trace.integration.pk).exists()


def clear_traces() -> int:
    """Delete traces older than seven days. The number deleted."""
    deleted, _ = TraceEntry.objects.filter(at__lt=timezone.now() - KEPT_FOR).delete()
    return deleted
