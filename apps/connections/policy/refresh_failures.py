"""What follows from a failed refresh: the next try, and when only a person can help. Pure: no clock or row is read."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.connections.policy.refresh_outcomes import Outcome
from apps.connections.policy.refresh_policy import (
    INVALID_GRANT_SECOND_TRY,
    LAST_TRIES,
    LONGEST_BACKOFF,
    MISCONFIGURED_RECHECK,
    REFUSALS_TO_GIVE_UP,
    REFUSED_FOR,
)


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
