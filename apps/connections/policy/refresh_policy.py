"""When to refresh, and how long each step may take. Pure: no clock, row or setting is read here."""

from collections.abc import Callable, Hashable, Iterable
from datetime import datetime, timedelta
from enum import Enum
from itertools import zip_longest
from typing import TypeVar

Key = TypeVar("Key")
Group = TypeVar("Group", bound=Hashable)

LEASE = timedelta(seconds=45)
# The total deadline of the token request, and how old a lease may be when the request is sent.
CALL_DEADLINE = timedelta(seconds=20)
CLAIM_TO_SEND = timedelta(seconds=5)
# How long a commit is retried while the database is unavailable; the rest of the lease is margin.
COMMIT_RETRIES = timedelta(seconds=15)
# How long a reader without the lease waits for the process that holds it.
READER_WAIT = timedelta(seconds=25)
INVALID_GRANT_SECOND_TRY = timedelta(seconds=60)
# A refusal that is not understood ends the grant after so many in a row over so long.
REFUSALS_TO_GIVE_UP = 3
REFUSED_FOR = timedelta(minutes=2)
# A backoff that would end later than these moments around the token's expiry ends at the first of them.
LAST_TRIES = (timedelta(seconds=-5), timedelta(0), timedelta(seconds=5))
# How long another process's spool may hold the response to a send that was not resolved, after the token's expiry.
SPOOL_GRACE = timedelta(minutes=2)
# A token this young is returned by "Refresh now" instead of being refreshed.
JUST_ISSUED = timedelta(seconds=3)
MISCONFIGURED_RECHECK = timedelta(minutes=5)
# A dispatched row is dispatched again after this long if its refresh did not begin.
DISPATCH_LEASE = timedelta(seconds=60)
# How many refreshes of one integration may be dispatched at once, unless the catalog says otherwise.
PARALLEL_CALLS = 512
# How many refreshes of one OAuth app may wait in the queue before the workers have begun as many.
QUEUE_AHEAD = 16
# How many may wait for each that has finished since the scheduler looked last.
QUEUE_GROWTH = 8
UNKNOWN_EXPIRY_INTERVAL = timedelta(hours=24)
LONGEST_BACKOFF = timedelta(hours=1)
# A token with a shorter life, or one that was issued expired, is not refreshed again sooner than this.
SHORTEST_INTERVAL = timedelta(seconds=10)
LONGEST_SKEW = timedelta(seconds=60)
assert CLAIM_TO_SEND + CALL_DEADLINE + COMMIT_RETRIES < LEASE  # noqa: S101 - a commit must end within the lease


class Reading(Enum):
    """What a reader of a token gets."""

    SERVE = "serve"
    SERVE_AND_SCHEDULE = "serve_and_schedule"
    REFRESH = "refresh"


def skew(lifetime: timedelta) -> timedelta:
    """How long before its expiry a token no longer counts as fresh: LONGEST_SKEW, or 10 % of a shorter life."""
    return min(LONGEST_SKEW, lifetime / 10)


def fresh_for(min_ttl: timedelta) -> timedelta:
    """A token with more time left is served as it is, whatever its lifetime: what `reading` requires at most."""
    return max(LONGEST_SKEW, min_ttl)


def reading(
    *, left: timedelta | None, lifetime: timedelta, min_ttl: timedelta, renewable: bool, too_early: bool = False
) -> Reading:
    """Whether a token with `left` of its `lifetime` is served as it is.

    `left` None: the expiry is unknown. A token that is valid, but for less than the skew or `min_ttl`, is served and
    scheduled if it cannot be renewed or lives longer than the reader asked for. `too_early`: the service would refuse
    a refresh now, so that a valid token is served.
    """
    if left is None or (too_early and left > timedelta(0)):
        return Reading.SERVE
    wanted = min(min_ttl, lifetime - skew(lifetime))
    if left > max(skew(lifetime), wanted):
        return Reading.SERVE
    if left > timedelta(0) and (left >= wanted or not renewable):
        return Reading.SERVE_AND_SCHEDULE
    return Reading.REFRESH


def resend_at(
    *,
    rotation: str,
    unresolved_sends: int,
    expires_at: datetime | None,
    sent_at: datetime | None,
    sent_elsewhere: bool,
) -> datetime | None:
    """When a refresh token that may be used already may be sent once more; None: at any time.

    With strict rotation, sending it again may end the grant, so the valid access token is used up first, until a few
    seconds before its expiry (a refresh token may expire with it). If another host sent it, or a response waits in a
    spool (`sent_elsewhere`), the response gets time to be committed: beyond the expiry, or beyond the lease of the send
    at `sent_at` where the expiry is unknown.
    """
    if rotation != "strict" or unresolved_sends == 0:
        return None
    if expires_at is None:
        return sent_at + LEASE + SPOOL_GRACE if sent_elsewhere and sent_at else None
    return expires_at + (SPOOL_GRACE if sent_elsewhere else LAST_TRIES[0])


def earliest_refresh_at(*, obtained_at: datetime, earliest: timedelta | None) -> datetime:
    """Before when the service refuses to refresh a token that was obtained at `obtained_at`."""
    return obtained_at + (earliest or timedelta(0))


def next_refresh_at(
    *,
    obtained_at: datetime,
    expires_at: datetime | None,
    refreshable: bool,
    jitter: float,
    margin: timedelta | None = None,
    earliest: timedelta | None = None,
    unused_lifetime: timedelta | None = None,
) -> datetime | None:
    """When to refresh ahead of time: at 80 % of the token's life, at most ten minutes before its expiry.

    `margin` replaces that time before the expiry if the provider's data has one, up to half of the life. `jitter` in
    [0, 1) spreads tokens that were obtained together over up to a further 5 % of their life. A token without a known
    expiry is refreshed daily. A refresh token that expires unused is used within half of `unused_lifetime`.
    `earliest` is the age before which the service refuses a refresh: margin and jitter stay after it.
    A token that cannot be refreshed is due at its expiry, to be reported. Never sooner than SHORTEST_INTERVAL.
    """
    if not refreshable:
        return expires_at
    if expires_at is None:
        planned = obtained_at + UNKNOWN_EXPIRY_INTERVAL * (1 - 0.1 * jitter)
    else:
        lifetime = max(expires_at - obtained_at, timedelta(0))
        ahead = min(lifetime / 5, timedelta(minutes=10)) if margin is None else min(margin, lifetime / 2)
        planned = expires_at - ahead - min(lifetime / 20, timedelta(minutes=10)) * jitter
    if unused_lifetime is not None:
        planned = min(planned, obtained_at + unused_lifetime / 2)
    if earliest is not None and planned < obtained_at + earliest:
        allowed = max(expires_at - obtained_at - earliest, timedelta(0)) if expires_at else timedelta(0)
        planned = obtained_at + earliest + min(allowed / 2, earliest / 20) * jitter
    return max(planned, obtained_at + SHORTEST_INTERVAL)


def fair_share(candidates: Iterable[tuple[Key, Group]], *, available: Callable[[Group], int], limit: int) -> list[Key]:
    """At most `limit` of the candidates (key and group, longest due first), alternating between the groups.

    `available` is how many of a group may be taken.
    """
    queues: dict[Group, list[Key]] = {}
    for key, group in candidates:
        queue = queues.setdefault(group, [])
        if len(queue) < available(group):
            queue.append(key)
    return in_turn(queues.values())[:limit]


def in_turn(queues: Iterable[Iterable[Key]]) -> list[Key]:
    """The first of each queue, then the second of each, and so on."""
    rounds = zip_longest(*queues, fillvalue=None)
    return [item for items in rounds for item in items if item is not None]
