"""When to refresh, what a failure means and what to do next. Pure: nothing here reads a clock, a row or a setting."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from itertools import zip_longest
from typing import TypeVar

from apps.oauth.errors import (
    InvalidClient,
    InvalidGrant,
    MalformedResponse,
    OAuthError,
    ProviderFault,
    TokenError,
    TransportFailure,
)

Key = TypeVar("Key")
Group = TypeVar("Group", bound=Hashable)

LEASE = timedelta(seconds=45)
# The total deadline of the token call, and how old a claim may be when the call leaves.
CALL_DEADLINE = timedelta(seconds=20)
CLAIM_TO_SEND = timedelta(seconds=5)
# How long a commit is retried when the database is away; what is left of the lease is margin.
COMMIT_RETRIES = timedelta(seconds=15)
# How long a reader who lost the claim waits for the winner.
READER_WAIT = timedelta(seconds=25)
INVALID_GRANT_SECOND_TRY = timedelta(seconds=60)
MISCONFIGURED_RECHECK = timedelta(minutes=5)
# A due row that was given to a worker is given out anew after this long, if nothing came of it.
DISPATCH_LEASE = timedelta(seconds=60)
# How many refreshes of one integration may be with the workers at once, unless the catalog says otherwise.
PARALLEL_CALLS = 512
# A backlog goes to the workers in portions: carrying a task to a worker costs them nearly as much as a refresh does.
BATCH_SIZE = 16
UNKNOWN_EXPIRY_INTERVAL = timedelta(hours=24)
LONGEST_BACKOFF = timedelta(hours=1)
# A token that lives shorter than this, or is born expired, is not refreshed ahead of time again and again.
SHORTEST_INTERVAL = timedelta(seconds=10)
assert CLAIM_TO_SEND + CALL_DEADLINE + COMMIT_RETRIES < LEASE  # noqa: S101 - a commit must end within the lease


class Outcome(Enum):
    """What a failed refresh tells, and with it where the fault lies."""

    NOT_SENT = "not_sent"  # nothing left this machine: trying again is safe
    BUSY = "busy"  # 429 or 503: the service did nothing and says so
    UNKNOWN = "unknown"  # sent, and no answer that tells what became of the refresh token
    MALFORMED = "malformed"  # an answer that is none
    GRANT_REFUSED = "grant_refused"  # invalid_grant
    CLIENT_REFUSED = "client_refused"  # invalid_client, unauthorized_client: the OAuth app
    REQUEST_REFUSED = "request_refused"  # another error code of RFC 6749 5.2


def classify(error: OAuthError) -> Outcome:
    """Which outcome a protocol error is (RFC 6749 5.2 for the codes)."""
    if isinstance(error, TransportFailure):
        return Outcome.UNKNOWN if error.sent else Outcome.NOT_SENT
    if isinstance(error, ProviderFault):
        return Outcome.BUSY if error.status in (429, 503) else Outcome.UNKNOWN
    if isinstance(error, MalformedResponse):
        return Outcome.MALFORMED
    if isinstance(error, InvalidGrant):
        return Outcome.GRANT_REFUSED
    if isinstance(error, InvalidClient) or (isinstance(error, TokenError) and error.code == "unauthorized_client"):
        return Outcome.CLIENT_REFUSED
    return Outcome.REQUEST_REFUSED


def skew(lifetime: timedelta) -> timedelta:
    """How long before its end a token no longer counts as fresh: 60 s, for short-lived ones 10 % of their life."""
    return min(timedelta(seconds=60), lifetime / 10)


def next_refresh_at(
    *,
    obtained_at: datetime,
    expires_at: datetime | None,
    refreshable: bool,
    jitter: float,
    margin: timedelta | None = None,
    unused_lifetime: timedelta | None = None,
) -> datetime | None:
    """When to refresh ahead of time: at 80 % of the token's life, at most ten minutes before its end.

    `margin` before the end replaces that where the provider's data says so, up to half of the life. `jitter` in [0, 1)
    spreads tokens that were obtained together over up to a further 5 % of their life. Without an expiry once a day,
    where there is a refresh token. One that dies unused is used after half of `unused_lifetime` at the latest.
    A token that cannot be refreshed is due at its end, to be told.
    Never sooner than SHORTEST_INTERVAL after the last one.
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
    return max(planned, obtained_at + SHORTEST_INTERVAL)


def fair_share(candidates: Iterable[tuple[Key, Group]], *, room: Callable[[Group], int], most: int) -> list[Key]:
    """At most `most` of the candidates (key and group, longest due first), taking turns between the groups.

    `room` says how many of a group may be taken.
    """
    queues: dict[Group, list[Key]] = {}
    for key, group in candidates:
        queue = queues.setdefault(group, [])
        if len(queue) < room(group):
            queue.append(key)
    turns = zip_longest(*queues.values(), fillvalue=None)
    return [key for turn in turns for key in turn if key is not None][:most]


def batches(rows: list[Key]) -> list[list[Key]]:
    """The rows as they go to the workers: one by one, or, where many are due, in portions of PORTION."""
    size = BATCH_SIZE if len(rows) >= 2 * BATCH_SIZE else 1
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def backoff(*, failures: int, retry_after: float | None, jitter: float) -> timedelta:
    """How long to wait after the `failures`th failure in a row: doubling from 5 s to an hour, half of it jitter.

    `retry_after` (seconds, from the service) is honored up to an hour.
    """
    base = min(timedelta(seconds=5 << min(failures - 1, 10)), LONGEST_BACKOFF)
    wait = base / 2 * (1 + jitter)
    if retry_after is None:
        return wait
    return max(wait, min(timedelta(seconds=max(retry_after, 0)), LONGEST_BACKOFF))


@dataclass(frozen=True)
class Plan:
    """What follows from a failure: try again at `next_at` (None: only a person can help), red with `reason` or not."""

    next_at: datetime | None
    reason: str = ""
    client_broken: bool = False


def after_own_client_failed(plan: Plan, outcome: Outcome) -> Plan:
    """The plan where the client is the connection's own: refused, its person has to enter another one at once."""
    refused = outcome in (Outcome.CLIENT_REFUSED, Outcome.GRANT_REFUSED)
    return Plan(None, "key_refused") if refused else plan


def after_failure(
    outcome: Outcome,
    *,
    now: datetime,
    expires_at: datetime | None,
    rotation: str,
    failures: int,
    earlier_grant_refusal: bool,
    unresolved_sends: int,
    retry_after: float | None,
    jitter: float,
) -> Plan:
    """The plan after a failed refresh.

    `failures` counts this one; `unresolved_sends` is how often the present refresh token was sent without an answer
    that settles its fate, this time included; `rotation` is none, grace or strict.
    """
    alive = expires_at is None or expires_at > now
    wait = backoff(failures=failures, retry_after=retry_after, jitter=jitter)
    down = "" if alive else "service_unavailable"
    if outcome is Outcome.CLIENT_REFUSED:
        recheck = now + MISCONFIGURED_RECHECK
        misconfigured = "" if alive else "integration_misconfigured"
        return Plan(min(recheck, expires_at) if alive and expires_at else recheck, misconfigured, client_broken=True)
    if outcome is Outcome.GRANT_REFUSED:
        if unresolved_sends > 1 and rotation != "none":
            return Plan(None, "outcome_unknown")
        if earlier_grant_refusal:
            return Plan(None, "reauthorization_required")
        return Plan(now + INVALID_GRANT_SECOND_TRY, down)
    if outcome is Outcome.UNKNOWN and rotation == "strict":
        if unresolved_sends > 1:
            return Plan(None, "outcome_unknown")
        return Plan(expires_at if alive and expires_at else now + wait, down)
    if outcome is Outcome.UNKNOWN and unresolved_sends == 1:
        return Plan(now, down)
    return Plan(now + wait, down)
