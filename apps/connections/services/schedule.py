"""The scheduler: token sets whose refresh is due, dispatched one by one and fairly between OAuth apps."""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection as database
from django.db import transaction
from django.db.models import BooleanField, Case, Count, Q, When
from django.db.models.functions import Coalesce, Greatest

from apps.audit.origin import Origin
from apps.connections.errors import IntegrationNotSetUp
from apps.connections.models import Status, TokenSet
from apps.connections.models.querysets import TokenSetQuerySet
from apps.connections.policy.refresh_policy import (
    DISPATCH_LEASE,
    MISCONFIGURED_RECHECK,
    PARALLEL_CALLS,
    QUEUE_AHEAD,
    fair_share,
)
from apps.connections.services import heartbeat, spool
from apps.connections.services.refresh import PERSON_MUST_ACT, attempt_refresh, is_valid
from apps.connections.services.status import mark_needs_attention
from apps.errors import SpecwayError
from apps.integrations.catalog.entries import catalog
from apps.integrations.errors import IntegrationMisconfigured
from apps.sql import Now, PreparedSelect, param

logger = logging.getLogger(__name__)

# The most token sets that one query claims.
CLAIM_SIZE = 200
# How many due rows are searched for integrations that have not reached their limit.
LOOKAHEAD = 1000
# Seconds between two looks for due rows: shorter than most services take to respond.
PAUSE = 0.2
# Seconds after the last dispatch in which refreshes must finish to show that a service responds.
PROGRESS_LASTS = 2.0
RECHECK = timedelta(seconds=60)
SYSTEM = Origin(kind="system", id="", label="Specway")

_select_version = PreparedSelect(
    lambda: (
        TokenSet.objects.with_everything()
        .exclude(connection__status=Status.DISCONNECTING)
        .filter(pk=param(TokenSet, "id"), version=param(TokenSet, "version"))
    )
)


# What shares a service's answers: an integration with one OAuth app. Other groups must not wait for it.
Group = tuple[str, UUID | None]
_GROUP = ("connection__integration__slug", "connection__oauth_app")


@dataclass
class Progress:
    """How many refreshes of each group were in flight after the last look for due rows, and when some were dispatched.

    It is kept in the memory of one process: without it, each group starts again with QUEUE_AHEAD.
    """

    in_flight: Counter[Group] = field(default_factory=Counter)
    dispatched_at: dict[Group, float] = field(default_factory=dict)

    def finished(self, in_flight: Counter[Group]) -> Counter[Group]:
        """How many of each group have finished since the last look, if the service responds at once.

        Nothing is dispatched to a silent service while its calls wait, so that those which time out do not count.
        """
        since = time.monotonic() - PROGRESS_LASTS
        finished = self.in_flight - in_flight
        return Counter({group: finished[group] for group in finished if self.dispatched_at.get(group, since) > since})

    def record(self, in_flight: Counter[Group], dispatched: Counter[Group]) -> None:
        self.in_flight = in_flight + dispatched
        before = {group: at for group, at in self.dispatched_at.items() if group in self.in_flight}
        self.dispatched_at = before | dict.fromkeys(dispatched, time.monotonic())


def dispatch_due(
    send: Callable[[list[tuple[UUID, int]]], None], *, seconds: float, progress: Progress | None = None
) -> None:
    """Dispatch what is due, as workers become free, for `seconds` or until nothing more becomes due in them.

    If it looked only once per scheduler run, a service that responds at once would be idle most of the time, and a
    refresh whose process died would wait for the next run after its lease has ended. `progress`: of the run before.
    """
    progress = progress or Progress()
    until = time.monotonic() + seconds
    while True:
        for row in claim_due(progress):
            send([row])
        left = until - time.monotonic()
        wait = seconds_until_due(within=left)
        if wait is None or max(wait, PAUSE) > left:
            return
        time.sleep(max(wait, PAUSE))


def seconds_until_due(*, within: float) -> float | None:
    """Seconds until the next refresh becomes due or its lease ends, by the database's clock; None if later."""
    if _due().exists():  # a backlog is not sorted for this
        return 0.0
    ends = [Coalesce(name, "next_refresh_at") for name in ("lease_until", "dispatched_until")]
    upcoming = TokenSet.objects.filter(next_refresh_at__lte=Now() + timedelta(seconds=max(within, 0)))
    upcoming = upcoming.exclude(connection__status=Status.DISCONNECTING).with_clock()
    moments = upcoming.annotate(moment=Greatest("next_refresh_at", *ends)).order_by("moment")
    for moment, now in moments.values_list("moment", "db_now")[:1]:
        wait: float = (moment - now).total_seconds()
        return max(wait, 0.0) if wait <= within else None
    return None


def claim_due(progress: Progress | None = None) -> list[tuple[UUID, int]]:
    """IDs and versions of at most CLAIM_SIZE token sets whose refresh is due, each returned to one caller only.

    The spool is replayed first: it may hold the token that a refresh would obtain. `progress` is brought up to date.
    """
    spool.replay()
    with heartbeat.leader_lock() as acquired:
        return _claim(progress or Progress()) if acquired else []


def _due() -> TokenSetQuerySet[TokenSet]:
    return TokenSet.objects.due_for_refresh(Now()).exclude(connection__status=Status.DISCONNECTING)


def _claim(progress: Progress) -> list[tuple[UUID, int]]:
    _wake_repaired()
    load = _current_load()
    load.finished = progress.finished(load.in_flight())
    full = [slug for slug, count in load.calls.items() if count >= _parallel_calls(slug)]
    due = _due().exclude(connection__integration__slug__in=full).exclude(connection__oauth_app__in=load.waiting_apps())
    candidates = [(pk, (slug, oauth_app)) for pk, slug, oauth_app in due.values_list("pk", *_GROUP)[:LOOKAHEAD]]
    chosen = fair_share(candidates, available=load.available, limit=CLAIM_SIZE)
    groups = dict(candidates)
    taken = _mark_dispatched(load.within_limits(chosen, groups)) if chosen else []
    progress.record(load.in_flight(), Counter(groups[pk] for pk, _ in taken))
    return taken


@dataclass
class Load:
    """What is dispatched now: by group those that a worker has begun and those in the queue, and calls by slug.

    The queue holds few of each group, so that a slow service does not take the threads of all others: at most
    QUEUE_AHEAD, or as many as its workers have begun, or twice as many as have finished since the last look. So the
    queue of a service that responds does not run empty before the next look, and that of a silent one does not grow.
    """

    begun: Counter[Group] = field(default_factory=Counter)
    queued: Counter[Group] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    finished: Counter[Group] = field(default_factory=Counter)

    def in_flight(self) -> Counter[Group]:
        """By group those that were dispatched and have not finished."""
        return self.begun + self.queued

    def available(self, group: Group) -> int:
        """How many more of a group may be dispatched now."""
        in_queue = max(QUEUE_AHEAD, self.begun[group], 2 * self.finished[group]) - self.queued[group]
        return min(in_queue, _parallel_calls(group[0]) - self.calls[group[0]])

    def waiting_apps(self) -> list[UUID]:
        """The OAuth apps whose groups are at their limits, so that their rows do not hide those of others."""
        return [app for (slug, app) in self.queued if app is not None and self.available((slug, app)) <= 0]

    def within_limits(self, chosen: list[UUID], groups: dict[UUID, Group]) -> list[UUID]:
        """Those of `chosen` that the integrations' limits allow, over all of their OAuth apps."""
        taken: list[UUID] = []
        for key in chosen:
            slug = groups[key][0]
            if self.calls[slug] < _parallel_calls(slug):
                self.calls[slug] += 1
                taken.append(key)
        return taken


def _current_load() -> Load:
    dispatched = TokenSet.objects.filter(dispatched_until__gt=Now())
    is_begun = Case(When(lease_until__gt=Now(), then=True), default=False, output_field=BooleanField())
    load = Load()
    for slug, oauth_app, begun, count in (
        dispatched.annotate(begun=is_begun).values_list(*_GROUP, "begun").annotate(Count("pk")).order_by()
    ):
        counter = load.begun if begun else load.queued
        counter[slug, oauth_app] += count
        load.calls[slug] += count
    return load


def _mark_dispatched(chosen: list[UUID]) -> list[tuple[UUID, int]]:
    with transaction.atomic():
        rows = TokenSet.objects.due_for_refresh(Now()).filter(pk__in=chosen)
        if database.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True, of=("self",))
        taken = list(rows.values_list("pk", "version"))
        TokenSet.objects.filter(pk__in=[pk for pk, _ in taken]).update(dispatched_until=Now() + DISPATCH_LEASE)
    return taken


def _parallel_calls(slug: str) -> int:
    entry = catalog().get(slug)
    return (entry.oauth2.refresh.parallel_calls if entry and entry.oauth2 else None) or PARALLEL_CALLS


def _wake_repaired() -> None:
    """Refresh the connections of an OAuth app that was repaired now, instead of at their next recheck."""
    TokenSet.objects.filter(
        connection__status_reason="integration_misconfigured",
        connection__oauth_app__broken_since=None,
        next_refresh_at__gt=Now(),
    ).update(next_refresh_at=Now(), failure_count=0)


def refresh_batch(rows: list[tuple[UUID, int]]) -> None:
    """Refresh token sets (ID and version) one after the other, each as it is when its turn comes.

    Those that have another version by now are left out. A failure is logged and does not stop the others.
    """
    for token_set_id, version in rows:
        row = _select_version.one(id=token_set_id, version=version)
        if row is not None:
            _refresh_one(row)


def _refresh_one(row: TokenSet) -> None:
    """Refresh one token set unless another process did."""
    if row.not_before is not None and row.not_before > row.db_now:
        _follow_up(row, misconfigured=False)
        return
    try:
        attempt_refresh(row, origin=SYSTEM)
    except SpecwayError as error:
        logger.info("not refreshed connection=%s code=%s", row.connection_id, error.code)
        _follow_up(row, misconfigured=isinstance(error, IntegrationMisconfigured | IntegrationNotSetUp))
    except Exception:
        logger.exception("refresh failed unexpectedly token_set=%s", row.pk)


def _follow_up(row: TokenSet, *, misconfigured: bool) -> None:
    """Set the next check of a row for which no token request was made, and its status once the token has expired."""
    current = TokenSet.objects.with_everything().filter(pk=row.pk).first()
    if current is None or current.failure_count != row.failure_count:
        return  # disconnected since, or a request was made and its failure is recorded
    # The lease of a process that died has ended, and is still there.
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    unchanged = TokenSet.objects.filter(free, pk=current.pk, version=row.version)
    next_at, reason = _next_check(current, misconfigured=misconfigured)
    with transaction.atomic():
        if unchanged.update(next_refresh_at=next_at, dispatched_until=None) and reason:
            mark_needs_attention(current.connection, reason=reason, origin=SYSTEM)


def _next_check(row: TokenSet, *, misconfigured: bool) -> tuple[datetime | None, str]:
    """The time of the next check, and the reason for which the connection needs attention until then, or ""."""
    if row.connection.status_reason in PERSON_MUST_ACT:
        return None, ""
    if not row.refresh_grant_type:
        return (row.expires_at, "") if is_valid(row) else (None, "token_expired")
    if row.not_before is not None and row.not_before > row.db_now:
        return _by_expiry(row, row.not_before), "" if is_valid(row) else "service_unavailable"
    oauth_app = row.connection.oauth_app
    if oauth_app is not None and oauth_app.circuit_open_until is not None:
        reason = "integration_misconfigured" if oauth_app.broken_since else "service_unavailable"
        return _after_circuit(row, oauth_app.circuit_open_until), "" if is_valid(row) else reason
    if misconfigured:
        return row.db_now + MISCONFIGURED_RECHECK, "" if is_valid(row) else "integration_misconfigured"
    if row.next_refresh_at is not None and row.next_refresh_at > row.db_now:
        return row.next_refresh_at, "" if is_valid(row) else "service_unavailable"
    return _by_expiry(row, row.db_now + RECHECK), "" if is_valid(row) else "service_unavailable"


def _after_circuit(row: TokenSet, circuit_open_until: datetime) -> datetime:
    spread = timedelta(seconds=10 * random.random())  # noqa: S311 - spreads load, protects nothing
    return _by_expiry(row, max(circuit_open_until, row.db_now) + spread)


def _by_expiry(row: TokenSet, at: datetime) -> datetime:
    """`at`, or the expiry of a valid token if that is earlier: its status changes then."""
    return min(at, row.expires_at) if is_valid(row) and row.expires_at else at
