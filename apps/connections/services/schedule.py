"""The scheduler: token sets whose refresh is due, dispatched one by one and fairly between OAuth apps."""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import chain, repeat
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
    fair_share,
    in_turn,
)
from apps.connections.services import heartbeat, spool
from apps.connections.services.dispatch_limits import Group, Load, Progress, parallel_calls
from apps.connections.services.refresh import PERSON_MUST_ACT, attempt_refresh, is_valid
from apps.connections.services.status import mark_needs_attention
from apps.errors import SpecwayError
from apps.integrations.errors import IntegrationMisconfigured
from apps.sql import Now, PreparedSelect, param

logger = logging.getLogger(__name__)

# The most token sets that one query claims.
CLAIM_SIZE = 200
# How many due rows are searched for groups that have not reached their limit, and how often again for others when all
# of these belong to groups with a backlog.
LOOKAHEAD, MOST_BACKLOGS = 1000, 8
# Seconds between two looks for due rows. The first of a run follow soon, so that all threads get work as soon as a
# service responds; later ones dispatch more at once, in fewer messages.
PAUSES = (0.1, 0.2, 0.4)
RECHECK = timedelta(seconds=60)
SYSTEM = Origin(kind="system", id="", label="Specway")

_select_version = PreparedSelect(
    lambda: (
        TokenSet.objects.with_everything()
        .exclude(connection__status=Status.DISCONNECTING)
        .filter(pk=param(TokenSet, "id"), version=param(TokenSet, "version"))
    )
)


# The lease of a process that died has ended, and is still there.
_IS_FREE = Q(lease_until=None) | Q(lease_until__lt=Now())
# The ID and version of a token set.
Row = tuple[UUID, int]
_GROUP = ("connection__integration__slug", "connection__oauth_app")


def dispatch_due(send: Callable[[list[Row]], None], *, seconds: float, progress: Progress | None = None) -> None:
    """Dispatch what is due, as workers become free, for `seconds` or until nothing more becomes due in them.

    If it looked only once per scheduler run, a service that responds at once would be idle most of the time, and a
    refresh whose process died would wait for the next run after its lease has ended. The message that begins the next
    run waits behind those of refreshes: while these get done, this run goes on until then, for as long again at most.
    `progress`: of the run before.
    """
    progress = progress or Progress()
    run, until = progress.begin_run(), time.monotonic() + seconds
    for pause in chain(PAUSES, repeat(PAUSES[-1])):
        for batch in claim_batches(progress):
            send(batch)
        left = until - time.monotonic()
        wait = seconds_until_due(within=left)
        goes_on = wait == 0 and left > -seconds and progress.is_recent()
        if wait is None or (max(wait, pause) > left and not goes_on):
            return
        time.sleep(max(wait, pause))
        if progress.run != run:
            return


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


def claim_due(progress: Progress | None = None) -> list[Row]:
    """IDs and versions of at most CLAIM_SIZE token sets whose refresh is due, each returned to one caller only.

    The spool is replayed first: it may hold the token that a refresh would obtain. `progress` is brought up to date.
    """
    return list(chain.from_iterable(claim_batches(progress or Progress())))


def claim_batches(progress: Progress) -> list[list[Row]]:
    """What `claim_due` returns, in the batches that one worker refreshes one after the other."""
    spool.replay()
    with heartbeat.leader_lock() as acquired:
        return _claim(progress) if acquired else []


def _due() -> TokenSetQuerySet[TokenSet]:
    return TokenSet.objects.due_for_refresh(Now()).exclude(connection__status=Status.DISCONNECTING)


def _claim(progress: Progress) -> list[list[Row]]:
    _wake_repaired()
    load = _current_load()
    load.finished = progress.finished(load.in_flight())
    full = [slug for slug, count in load.calls.items() if count >= parallel_calls(slug)]
    due = _due().exclude(connection__integration__slug__in=full).exclude(connection__oauth_app__in=load.waiting_apps())
    candidates = _candidates(due)
    chosen = fair_share(candidates, available=load.available, limit=CLAIM_SIZE)
    groups = dict(candidates)
    taken = _mark_dispatched(load.within_limits(chosen, groups)) if chosen else []
    progress.record(load.in_flight(), Counter(groups[pk] for pk, _ in taken))
    return _batches(taken, groups, load)


def _candidates(due: TokenSetQuerySet[TokenSet]) -> list[tuple[UUID, Group]]:
    """Those that are due the longest, and others whose groups have none of them: they do not wait for a backlog."""
    found: list[tuple[UUID, Group]] = []
    for _ in range(MOST_BACKLOGS):
        rows = [(pk, (slug, oauth_app)) for pk, slug, oauth_app in due.values_list("pk", *_GROUP)[:LOOKAHEAD]]
        found += rows
        if len(rows) < LOOKAHEAD:
            break
        groups = {group for _, group in rows}
        due = due.exclude(connection__oauth_app__in=[app for _, app in groups if app])
        due = due.exclude(
            connection__oauth_app=None, connection__integration__slug__in=[slug for slug, app in groups if not app]
        )
    return found


def _batches(taken: list[Row], groups: dict[UUID, Group], load: Load) -> list[list[Row]]:
    """Batches of one group each, alternating between the groups."""
    by_group: dict[Group, list[Row]] = {}
    for row in taken:
        by_group.setdefault(groups[row[0]], []).append(row)
    due = Counter(groups.values())
    sizes = {group: load.batch_size(group, due=due[group]) for group in by_group}
    return in_turn(
        [rows[start : start + sizes[group]] for start in range(0, len(rows), sizes[group])]
        for group, rows in by_group.items()
    )


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


def _mark_dispatched(chosen: list[UUID]) -> list[Row]:
    with transaction.atomic():
        rows = TokenSet.objects.due_for_refresh(Now()).filter(pk__in=chosen)
        if database.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True, of=("self",))
        taken = list(rows.values_list("pk", "version"))
        TokenSet.objects.filter(pk__in=[pk for pk, _ in taken]).update(dispatched_until=Now() + DISPATCH_LEASE)
    return taken


def _wake_repaired() -> None:
    """Refresh the connections of an OAuth app that was repaired now, instead of at their next recheck."""
    TokenSet.objects.filter(
        connection__status_reason="integration_misconfigured",
        connection__oauth_app__broken_since=None,
        next_refresh_at__gt=Now(),
    ).update(next_refresh_at=Now(), failure_count=0)


def refresh_batch(rows: list[Row], *, is_stopping: Callable[[], bool] = lambda: False) -> None:
    """Refresh token sets (ID and version) one after the other, each as it is when its turn comes.

    Those that have another version by now are left out. A failure is logged and does not stop the others. When this
    process is to stop, those whose turn has not come may be dispatched again at once.
    """
    for number, (token_set_id, version) in enumerate(rows):
        if is_stopping():
            waiting = TokenSet.objects.filter(_IS_FREE, pk__in=[pk for pk, _ in rows[number:]])
            waiting.update(dispatched_until=None)
            return
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
    unchanged = TokenSet.objects.filter(_IS_FREE, pk=current.pk, version=row.version)
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
