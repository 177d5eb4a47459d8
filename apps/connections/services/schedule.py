"""What is due: given out in batches, fairly between integrations, and told where a refresh cannot help."""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection as database
from django.db import transaction
from django.db.models import Count
from django.db.models.functions import Now

from apps.audit.origin import Origin
from apps.connections.errors import IntegrationNotSetUp
from apps.connections.models import Status, TokenSet
from apps.connections.models.querysets import TokenSetQuerySet
from apps.connections.policy.refresh_policy import (
    DISPATCH_LEASE,
    MISCONFIGURED_RECHECK,
    PARALLEL_CALLS,
    batches,
    fair_share,
)
from apps.connections.services import heartbeat, spool
from apps.connections.services.refresh import PERSON_MUST_ACT, attempt_refresh, is_valid
from apps.connections.services.status import mark_needs_attention
from apps.errors import SpecwayError
from apps.integrations.catalog.entries import catalog
from apps.integrations.errors import IntegrationMisconfigured

logger = logging.getLogger(__name__)

BATCH = 200
# How far down the due ones a batch looks for integrations that still have room.
LOOKAHEAD = 1000
# Seconds until it is looked again whether room came free: shorter than most services take to answer.
PAUSE = 0.3
RECHECK = timedelta(seconds=60)
# Seconds for which what was read of a portion is good enough to begin with; the claim compares it with what is.
READ_ANEW_AFTER = 2.0
SYSTEM = Origin(kind="system", id="", label="Specway")


def dispatch_due(give: Callable[[list[tuple[UUID, int]]], None], *, seconds: float) -> None:
    """Give out what is due, in portions, as room comes free: until nothing is left, or `seconds` are over.

    Looked at only as often as the beat beats, a service that answers at once would be idle most of the time.
    """
    until = time.monotonic() + seconds
    while True:
        for portion in batches(claim_due()):
            give(portion)
        if time.monotonic() + PAUSE > until or not _due().exists():
            return
        time.sleep(PAUSE)


def claim_due() -> list[tuple[UUID, int]]:
    """IDs and versions of token sets whose refresh is due, at most a batch, each given to one caller only.

    What waits in the spool goes first: it may be the very token that a refresh would look for in vain.
    """
    spool.replay()
    with heartbeat.leader_lock() as our_turn:
        return _claim_batch() if our_turn else []


def _due() -> TokenSetQuerySet[TokenSet]:
    return TokenSet.objects.due_for_refresh(Now()).exclude(connection__status=Status.DISCONNECTING)


def _claim_batch() -> list[tuple[UUID, int]]:
    _wake_repaired()
    busy = _with_workers()
    full = [slug for slug, count in busy.items() if count >= _parallel_calls(slug)]
    slug = "connection__integration__slug"
    candidates = _due().exclude(**{f"{slug}__in": full}).values_list("pk", slug)[:LOOKAHEAD]
    chosen = fair_share(candidates, room=lambda name: _parallel_calls(name) - busy[name], most=BATCH)
    return _give_out(chosen) if chosen else []


def _give_out(chosen: list[UUID]) -> list[tuple[UUID, int]]:
    with transaction.atomic():
        rows = TokenSet.objects.due_for_refresh(Now()).filter(pk__in=chosen)
        if database.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True, of=("self",))
        # Those of one integration side by side: what shares a portion waits for the same service.
        taken = list(rows.order_by("connection__integration", "next_refresh_at").values_list("pk", "version"))
        TokenSet.objects.filter(pk__in=[pk for pk, _ in taken]).update(dispatched_until=Now() + DISPATCH_LEASE)
    return taken


def _with_workers() -> Counter[str]:
    """How many token sets of each integration are with the workers."""
    slug = "connection__integration__slug"
    counts = TokenSet.objects.filter(dispatched_until__gt=Now()).values_list(slug).annotate(Count("pk")).order_by()
    return Counter(dict(counts))


def _parallel_calls(slug: str) -> int:
    entry = catalog().get(slug)
    return (entry.oauth2.refresh.parallel_calls if entry and entry.oauth2 else None) or PARALLEL_CALLS


def _wake_repaired() -> None:
    """An OAuth app that was put right heals its connections now, not when they would have been looked at again."""
    TokenSet.objects.filter(
        connection__status_reason="integration_misconfigured",
        connection__oauth_app__broken_since=None,
        next_refresh_at__gt=Now(),
    ).update(next_refresh_at=Now(), failure_count=0)


def refresh_batch(rows: list[tuple[UUID, int]]) -> None:
    """Refresh a portion, one after the other. One that breaks is logged and leaves the rest alone.

    They are read together, which costs little more than reading one; and anew after a failure, which may have opened
    the circuit for all of them, or after a while.
    """
    waiting = list(rows)
    while waiting:
        read_at = time.monotonic()
        read = _read_portion(waiting)
        went_well = True
        while waiting and went_well and time.monotonic() - read_at < READ_ANEW_AFTER:
            row = read.get(waiting.pop(0)[0])
            if row is not None:
                row.db_now += timedelta(seconds=time.monotonic() - read_at)  # type: ignore[attr-defined]  # annotated
                went_well = _refresh_one(row)


def _read_portion(rows: list[tuple[UUID, int]]) -> dict[UUID, TokenSet]:
    """Those that still are at their version and not being disconnected. The claim sees whether that stays so."""
    versions = dict(rows)
    found = TokenSet.objects.with_everything().filter(pk__in=versions)
    gone = Status.DISCONNECTING
    return {row.pk: row for row in found if row.version == versions[row.pk] and row.connection.status != gone}


def _refresh_one(row: TokenSet) -> bool:
    """Refresh one, unless somebody else did it meanwhile; say so where it cannot be. False where it failed."""
    try:
        attempt_refresh(row, origin=SYSTEM)
    except SpecwayError as error:
        logger.info("not refreshed connection=%s code=%s", row.connection_id, error.code)
        _follow_up(row, misconfigured=isinstance(error, IntegrationMisconfigured | IntegrationNotSetUp))
        return False
    except Exception:
        logger.exception("refresh broke token_set=%s", row.pk)
        return False
    return True


def _follow_up(row: TokenSet, *, misconfigured: bool) -> None:
    """Where no token call was made, nothing was recorded: set the next look, and red once the token has ended."""
    current = TokenSet.objects.with_everything().filter(pk=row.pk).first()
    if current is None or current.failure_count != row.failure_count:
        return  # disconnected meanwhile, or a call was made and its failure says itself what follows
    same = TokenSet.objects.filter(pk=current.pk, version=row.version, lease_until=None)
    next_at, reason = _next_look(current, misconfigured=misconfigured)
    with transaction.atomic():
        if same.update(next_refresh_at=next_at, dispatched_until=None) and reason:
            mark_needs_attention(current.connection, reason=reason, origin=SYSTEM)


def _next_look(row: TokenSet, *, misconfigured: bool) -> tuple[datetime | None, str]:
    """When to look again, and the reason to turn red for, if there is one."""
    now: datetime = row.db_now  # type: ignore[attr-defined]  # annotated
    alive, oauth_app = is_valid(row), row.connection.oauth_app
    if row.connection.status_reason in PERSON_MUST_ACT:
        return None, ""
    if not row.refresh_grant_type:
        return (row.expires_at, "") if alive else (None, "token_expired")
    if oauth_app is not None and oauth_app.circuit_open_until is not None:
        spread = timedelta(seconds=10 * random.random())  # noqa: S311 - spreads load, guards nothing
        reason = "integration_misconfigured" if oauth_app.broken_since else "service_unavailable"
        again = max(oauth_app.circuit_open_until, now) + spread
        return (min(again, row.expires_at) if alive and row.expires_at else again), "" if alive else reason
    if misconfigured:
        return now + MISCONFIGURED_RECHECK, "" if alive else "integration_misconfigured"
    if row.next_refresh_at is not None and row.next_refresh_at > now:
        return row.next_refresh_at, ""
    return now + RECHECK, ""
