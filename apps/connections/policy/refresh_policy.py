"""When to refresh, what a failed refresh means, and what follows. Pure: no clock, row or setting is read here."""

import re
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
    SlowDown,
    TokenError,
    TooEarly,
    TransportFailure,
    UnauthorizedClient,
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
UNKNOWN_EXPIRY_INTERVAL = timedelta(hours=24)
LONGEST_BACKOFF = timedelta(hours=1)
# A token with a shorter life, or one that was issued expired, is not refreshed again sooner than this.
SHORTEST_INTERVAL = timedelta(seconds=10)
LONGEST_SKEW = timedelta(seconds=60)
assert CLAIM_TO_SEND + CALL_DEADLINE + COMMIT_RETRIES < LEASE  # noqa: S101 - a commit must end within the lease


class Outcome(Enum):
    """What a failed refresh means, and so who has to act."""

    NOT_SENT = "not_sent"  # nothing was sent, so a retry is safe
    SLOW_DOWN = "slow_down"  # 425, 429, or a code that says so: too many requests, or too early
    BUSY = "busy"  # 408 or 503: the service did not process the request
    UNKNOWN = "unknown"  # sent, without a response that says whether the refresh token was used
    MALFORMED = "malformed"  # a response that is not a token response
    GRANT_REFUSED = "grant_refused"  # invalid_grant, or a description that names the grant
    CONSENT_REQUIRED = "consent_required"  # OpenID Connect Core 3.1.2.6: only the person can resolve it
    CLIENT_REFUSED = "client_refused"  # invalid_client, unauthorized_client: this connection's, or the OAuth app
    REQUEST_REFUSED = "request_refused"  # another error code, or a 4xx without one


# Codes that ask to send less, whatever the status (RFC 8628 3.5 for the first).
_SLOW_DOWN_CODES = frozenset({"slow_down", "too_early", "rate_limited", "rate_limit_exceeded", "too_many_requests"})
_CONSENT_CODES = frozenset({"interaction_required", "login_required", "consent_required", "account_selection_required"})
# A refusal of the client whose description names one of these is about the grant (some services mix up the codes).
_ABOUT_GRANT = re.compile(r"refresh[ _-]?token|\bgrant\b(?![ _-]?type)|\busers?\b|consent|revo(k|c)", re.IGNORECASE)


def classify(error: OAuthError) -> Outcome:
    """The outcome of a protocol error (RFC 6749 5.2 for the codes)."""
    if isinstance(error, TransportFailure):
        return Outcome.UNKNOWN if error.sent else Outcome.NOT_SENT
    if isinstance(error, SlowDown | TooEarly):
        return Outcome.SLOW_DOWN
    if isinstance(error, ProviderFault):
        return _BY_STATUS.get(error.status, Outcome.UNKNOWN)
    if isinstance(error, MalformedResponse):
        return Outcome.MALFORMED
    return _classify_refusal(error) if isinstance(error, TokenError) else Outcome.REQUEST_REFUSED


_BY_STATUS = {408: Outcome.BUSY, 425: Outcome.SLOW_DOWN, 429: Outcome.SLOW_DOWN, 503: Outcome.BUSY}


def _classify_refusal(error: TokenError) -> Outcome:
    code = error.code.lower()
    if code in _SLOW_DOWN_CODES:
        return Outcome.SLOW_DOWN
    if code in _CONSENT_CODES:
        return Outcome.CONSENT_REQUIRED
    if isinstance(error, InvalidGrant):
        return Outcome.GRANT_REFUSED
    if isinstance(error, InvalidClient | UnauthorizedClient):
        return Outcome.GRANT_REFUSED if _ABOUT_GRANT.search(error.description) else Outcome.CLIENT_REFUSED
    return Outcome.REQUEST_REFUSED


def service_message(error: OAuthError) -> str:
    """The service's own description of a refusal, on one line, without anything that looks like a secret, bounded."""
    description = error.description if isinstance(error, TokenError) else ""
    printable = "".join(char if char.isprintable() else " " for char in description)
    redacted = _LOOKS_SECRET.sub("…", " ".join(printable.split()))
    return redacted if len(redacted) <= 200 else redacted[:199] + "…"


# Unbroken strings of this length are no words: tokens, codes, keys, e-mail addresses and URLs among them.
_LOOKS_SECRET = re.compile(r"(?=\S*[0-9@/])\S{20,}|\S{40,}")


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
    rounds = zip_longest(*queues.values(), fillvalue=None)
    return [key for keys in rounds for key in keys if key is not None][:limit]


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
    """What follows from a failure.

    `next_at` is the next check (None: only a person can help), `reason` that for needing attention, or "". A check
    before `not_before` only updates the status: no token request is sent.
    """

    next_at: datetime | None
    reason: str = ""
    client_broken: bool = False
    not_before: datetime | None = None


@dataclass(frozen=True)
class Failure:
    """A failed refresh and what is known of its token set.

    `failures` and `refusals` (not understood, in a row, the first of them `refused_for` ago) count this one;
    `unresolved_sends` is how often the present refresh token was sent without a conclusive response, this time
    included; `rotation` is none, grace or strict; `client_confirmed`: another grant, or a made-up code, met the same
    refusal of the client.
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
    refusals: int = 0
    refused_for: timedelta = timedelta(0)
    client_confirmed: bool = False

    @property
    def is_alive(self) -> bool:
        """Whether the access token is still valid."""
        return self.expires_at is None or self.expires_at > self.now

    @property
    def retry_at(self) -> datetime:
        """The next try: after Retry-After, else after a backoff that does not pass over the last tries."""
        wait = backoff(failures=self.failures, retry_after=self.retry_after, jitter=self.jitter)
        if self.retry_after:
            return self.now + wait
        return around_expiry(self.now + wait, now=self.now, expires_at=self.expires_at)

    def retry(self, at: datetime) -> Plan:
        """Try again at a time. From the access token's expiry until then, the connection needs attention."""
        if not self.is_alive:
            return Plan(at, "service_unavailable")
        if self.expires_at is not None and at > self.expires_at:
            return Plan(self.expires_at, not_before=at)
        return Plan(at)


def around_expiry(at: datetime, *, now: datetime, expires_at: datetime | None) -> datetime:
    """`at`, or the first of the last tries (LAST_TRIES) between `now` and it."""
    if expires_at is None:
        return at
    moments = (expires_at + offset for offset in LAST_TRIES)
    return min((moment for moment in moments if now < moment < at), default=at)


def after_failure(failure: Failure) -> Plan:
    """The plan after a failed refresh."""
    if failure.outcome is Outcome.CONSENT_REQUIRED:
        return Plan(None, "reauthorization_required")
    return _AFTER.get(failure.outcome, _after_transient_failure)(failure)


def _after_transient_failure(failure: Failure) -> Plan:
    return failure.retry(failure.retry_at)


def _after_client_refusal(failure: Failure) -> Plan:
    if not failure.client_confirmed:
        return _after_unrecognized_refusal(failure)
    recheck = failure.now + MISCONFIGURED_RECHECK
    if not failure.is_alive:
        return Plan(recheck, "integration_misconfigured", client_broken=True)
    return Plan(min(recheck, failure.expires_at or recheck), client_broken=True)


def _after_unrecognized_refusal(failure: Failure) -> Plan:
    persists = failure.refusals >= REFUSALS_TO_GIVE_UP and failure.refused_for >= REFUSED_FOR
    if persists and not failure.is_alive:
        return Plan(None, "reauthorization_required")
    return failure.retry(failure.retry_at)


def _after_grant_refusal(failure: Failure) -> Plan:
    if failure.unresolved_sends > 1 and failure.rotation != "none":
        return Plan(None, "outcome_unknown")
    if failure.earlier_grant_refusal:
        return Plan(None, "reauthorization_required")
    return failure.retry(failure.now + INVALID_GRANT_SECOND_TRY)


def _after_unknown_outcome(failure: Failure) -> Plan:
    if failure.rotation != "strict":
        return failure.retry(failure.now if failure.unresolved_sends == 1 else failure.retry_at)
    if failure.unresolved_sends > 1:
        return Plan(None, "outcome_unknown")
    last = failure.expires_at + LAST_TRIES[0] if failure.is_alive and failure.expires_at else None
    return failure.retry(max(last, failure.now) if last else failure.retry_at)


_AFTER: dict[Outcome, Callable[[Failure], Plan]] = {
    Outcome.CLIENT_REFUSED: _after_client_refusal,
    Outcome.REQUEST_REFUSED: _after_unrecognized_refusal,
    Outcome.GRANT_REFUSED: _after_grant_refusal,
    Outcome.UNKNOWN: _after_unknown_outcome,
}


def after_own_client_failed(plan: Plan, outcome: Outcome) -> Plan:
    """The plan if the client is the connection's own: once refused, its person has to enter another one."""
    refused = outcome in (Outcome.CLIENT_REFUSED, Outcome.GRANT_REFUSED)
    return Plan(None, "key_refused") if refused else plan
