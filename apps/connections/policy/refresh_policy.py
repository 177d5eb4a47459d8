"""When to refresh, what a failed refresh means, and what follows. Pure: no clock, row or setting is read here."""

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
# The total deadline of the token request, and how old a lease may be when the request is sent.
CALL_DEADLINE = timedelta(seconds=20)
CLAIM_TO_SEND = timedelta(seconds=5)
# How long a commit is retried while the database is unavailable; the rest of the lease is margin.
COMMIT_RETRIES = timedelta(seconds=15)
# How long a reader without the lease waits for the process that holds it.
READER_WAIT = timedelta(seconds=25)
INVALID_GRANT_SECOND_TRY = timedelta(seconds=60)
MISCONFIGURED_RECHECK = timedelta(minutes=5)
# A dispatched row is dispatched again after this long if its refresh did not begin.
DISPATCH_LEASE = timedelta(seconds=60)
# How many refreshes of one integration may be dispatched at once, unless the catalog says otherwise.
PARALLEL_CALLS = 512
# A backlog is dispatched in batches, since carrying a task to a worker costs nearly as much as a refresh.
BATCH_SIZE = 16
UNKNOWN_EXPIRY_INTERVAL = timedelta(hours=24)
LONGEST_BACKOFF = timedelta(hours=1)
# A token with a shorter life, or one that was issued expired, is not refreshed again sooner than this.
SHORTEST_INTERVAL = timedelta(seconds=10)
assert CLAIM_TO_SEND + CALL_DEADLINE + COMMIT_RETRIES < LEASE  # noqa: S101 - a commit must end within the lease


class Outcome(Enum):
    """What a failed refresh means, and so who has to act."""

    NOT_SENT = "not_sent"  # nothing was sent, so a retry is safe
    BUSY = "busy"  # 429 or 503: the service did not process the request
    UNKNOWN = "unknown"  # sent, without a response that says whether the refresh token was used
    MALFORMED = "malformed"  # a response that is not a token response
    GRANT_REFUSED = "grant_refused"  # invalid_grant
    CLIENT_REFUSED = "client_refused"  # invalid_client, unauthorized_client: the OAuth app
    REQUEST_REFUSED = "request_refused"  # another error code


def classify(error: OAuthError) -> Outcome:
    """The outcome of a protocol error (RFC 6749 5.2 for the codes)."""
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


class Reading(Enum):
    """What a reader of a token gets."""

    SERVE = "serve"
    SERVE_AND_SCHEDULE = "serve_and_schedule"
    REFRESH = "refresh"


def skew(lifetime: timedelta) -> timedelta:
    """How long before its expiry a token no longer counts as fresh: 60 s, or 10 % of a shorter life."""
    return min(timedelta(seconds=60), lifetime / 10)


def reading(*, left: timedelta | None, lifetime: timedelta, min_ttl: timedelta, renewable: bool) -> Reading:
    """Whether a token with `left` of its `lifetime` is served as it is.

    `left` None: the expiry is unknown. A token that is valid, but for less than the skew or `min_ttl`, is served and
    scheduled if it cannot be renewed or lives longer than the reader asked for.
    """
    if left is None:
        return Reading.SERVE
    wanted = min(min_ttl, lifetime - skew(lifetime))
    if left > max(skew(lifetime), wanted):
        return Reading.SERVE
    if left > timedelta(0) and (left >= wanted or not renewable):
        return Reading.SERVE_AND_SCHEDULE
    return Reading.REFRESH


def must_wait_for_expiry(*, rotation: str, unresolved_sends: int, expires_at: datetime | None, now: datetime) -> bool:
    """Whether a refresh token that may be used already is kept until the access token has expired.

    With strict rotation, sending it again may end the grant, so the valid access token is used up first.
    """
    return rotation == "strict" and unresolved_sends > 0 and expires_at is not None and expires_at > now


def next_refresh_at(
    *,
    obtained_at: datetime,
    expires_at: datetime | None,
    refreshable: bool,
    jitter: float,
    margin: timedelta | None = None,
    unused_lifetime: timedelta | None = None,
) -> datetime | None:
    """When to refresh ahead of time: at 80 % of the token's life, at most ten minutes before its expiry.

    `margin` replaces that time before the expiry if the provider's data has one, up to half of the life. `jitter` in
    [0, 1) spreads tokens that were obtained together over up to a further 5 % of their life. A token without a known
    expiry is refreshed daily. A refresh token that expires unused is used within half of `unused_lifetime`.
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
    return max(planned, obtained_at + SHORTEST_INTERVAL)


def fair_share(candidates: Iterable[tuple[Key, Group]], *, room: Callable[[Group], int], limit: int) -> list[Key]:
    """At most `limit` of the candidates (key and group, longest due first), alternating between the groups.

    `room` is how many of a group may be taken.
    """
    queues: dict[Group, list[Key]] = {}
    for key, group in candidates:
        queue = queues.setdefault(group, [])
        if len(queue) < room(group):
            queue.append(key)
    rounds = zip_longest(*queues.values(), fillvalue=None)
    return [key for keys in rounds for key in keys if key is not None][:limit]


def batches(rows: list[Key]) -> list[list[Key]]:
    """The rows as they are dispatched: one by one, or in batches of BATCH_SIZE if many are due."""
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
    """What follows from a failure: the next try (None: only a person can help), the reason for needing attention if
    there is one, and whether the OAuth app is broken."""

    next_at: datetime | None
    reason: str = ""
    client_broken: bool = False


@dataclass(frozen=True)
class Failure:
    """A failed refresh and what is known of its token set.

    `failures` counts this one; `unresolved_sends` is how often the present refresh token was sent without a conclusive
    response, this time included; `rotation` is none, grace or strict.
    """

    outcome: Outcome
    now: datetime
    expires_at: datetime | None
    rotation: str
    failures: int
    earlier_grant_refusal: bool
    unresolved_sends: int
    retry_after: float | None
    jitter: float

    @property
    def is_alive(self) -> bool:
        """Whether the access token is still valid."""
        return self.expires_at is None or self.expires_at > self.now

    @property
    def retry_at(self) -> datetime:
        """The next try after the usual backoff."""
        return self.now + backoff(failures=self.failures, retry_after=self.retry_after, jitter=self.jitter)

    def retry(self, at: datetime) -> Plan:
        """Try again at a time; once the access token has expired, the connection needs attention until then."""
        return Plan(at, "" if self.is_alive else "service_unavailable")


def after_failure(failure: Failure) -> Plan:
    """The plan after a failed refresh."""
    if failure.outcome is Outcome.CLIENT_REFUSED:
        return _after_client_refusal(failure)
    if failure.outcome is Outcome.GRANT_REFUSED:
        return _after_grant_refusal(failure)
    if failure.outcome is Outcome.UNKNOWN:
        return _after_unknown_outcome(failure)
    return failure.retry(failure.retry_at)


def _after_client_refusal(failure: Failure) -> Plan:
    recheck = failure.now + MISCONFIGURED_RECHECK
    if not failure.is_alive:
        return Plan(recheck, "integration_misconfigured", client_broken=True)
    return Plan(min(recheck, failure.expires_at or recheck), client_broken=True)


def _after_grant_refusal(failure: Failure) -> Plan:
    if failure.unresolved_sends > 1 and failure.rotation != "none":
        return Plan(None, "outcome_unknown")
    if failure.earlier_grant_refusal:
        return Plan(None, "reauthorization_required")
    return failure.retry(failure.now + INVALID_GRANT_SECOND_TRY)


def _after_unknown_outcome(failure: Failure) -> Plan:
    if failure.rotation == "strict":
        if failure.unresolved_sends > 1:
            return Plan(None, "outcome_unknown")
        can_wait = failure.is_alive and failure.expires_at is not None
        return failure.retry(failure.expires_at if can_wait and failure.expires_at else failure.retry_at)
    return failure.retry(failure.now if failure.unresolved_sends == 1 else failure.retry_at)


def after_own_client_failed(plan: Plan, outcome: Outcome) -> Plan:
    """The plan if the client is the connection's own: once refused, its person has to enter another one."""
    refused = outcome in (Outcome.CLIENT_REFUSED, Outcome.GRANT_REFUSED)
    return Plan(None, "key_refused") if refused else plan
