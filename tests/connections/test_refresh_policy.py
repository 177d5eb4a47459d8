"""When to refresh, what a failure means and what follows: pure."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.connections.policy import refresh_policy
from apps.connections.policy.refresh_failures import Failure, Plan, after_failure, backoff
from apps.connections.policy.refresh_outcomes import Outcome, classify
from apps.connections.policy.refresh_policy import next_refresh_at, skew
from apps.oauth.errors import (
    EndpointRefused,
    InvalidGrant,
    MalformedResponse,
    OAuthError,
    ProviderFault,
    TransportFailure,
    token_error,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TransportFailure("x", sent=False), Outcome.NOT_SENT),
        (TransportFailure("x", sent=True), Outcome.UNKNOWN),
        (EndpointRefused("x"), Outcome.NOT_SENT),
        (ProviderFault(429), Outcome.SLOW_DOWN),
        (ProviderFault(503), Outcome.BUSY),
        (ProviderFault(500), Outcome.UNKNOWN),
        (ProviderFault(504), Outcome.UNKNOWN),
        (MalformedResponse("x"), Outcome.MALFORMED),
        (InvalidGrant("invalid_grant"), Outcome.GRANT_REFUSED),
        (token_error("invalid_client"), Outcome.CLIENT_REFUSED),
        (token_error("unauthorized_client"), Outcome.CLIENT_REFUSED),
        (token_error("invalid_scope"), Outcome.REQUEST_REFUSED),
        (token_error("something_of_their_own"), Outcome.REQUEST_REFUSED),
    ],
)
def test_each_protocol_error_is_one_outcome(error: OAuthError, outcome: Outcome) -> None:
    assert classify(error) is outcome


@pytest.mark.parametrize(("life", "margin"), [(3600, 60), (600, 60), (60, 6), (10, 1), (0, 0)])
def test_the_skew_is_a_minute_or_a_tenth_of_a_short_life(life: float, margin: float) -> None:
    assert skew(seconds(life)) == seconds(margin)


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("life", [60, 300, 3600, 86_400, 90 * 86_400])
def test_a_refresh_is_planned_before_the_skew_and_after_half_of_the_life(life: float, jitter: float) -> None:
    ends = NOW + seconds(life)
    planned = next_refresh_at(obtained_at=NOW, expires_at=ends, refreshable=True, jitter=jitter)
    assert planned is not None
    assert NOW + seconds(life / 2) < planned < ends - skew(seconds(life))
    assert planned >= ends - timedelta(minutes=20)


def test_without_expiry_a_refresh_is_planned_daily_where_there_is_a_refresh_token() -> None:
    planned = next_refresh_at(obtained_at=NOW, expires_at=None, refreshable=True, jitter=0.5)
    assert planned is not None
    assert timedelta(hours=21) < planned - NOW <= timedelta(hours=24)
    assert next_refresh_at(obtained_at=NOW, expires_at=None, refreshable=False, jitter=0.5) is None


def test_a_token_that_cannot_be_refreshed_is_looked_at_when_it_ends() -> None:
    ends = NOW + seconds(60)
    assert next_refresh_at(obtained_at=NOW, expires_at=ends, refreshable=False, jitter=0.5) == ends


@pytest.mark.parametrize("life", [-5, 0, 1, 9])
def test_a_token_of_hardly_any_life_is_not_refreshed_by_every_beat(life: float) -> None:
    planned = next_refresh_at(obtained_at=NOW, expires_at=NOW + seconds(life), refreshable=True, jitter=0.9)
    assert planned is not None
    assert planned - NOW >= seconds(10)


def test_the_wait_doubles_is_half_jitter_and_ends_at_an_hour() -> None:
    shortest = [backoff(failures=n, retry_after=None, jitter=0).total_seconds() for n in range(1, 14)]
    longest = [backoff(failures=n, retry_after=None, jitter=1).total_seconds() for n in range(1, 14)]
    assert shortest[:4] == [2.5, 5, 10, 20]
    assert longest[:4] == [5, 10, 20, 40]
    assert longest[-1] == 3600
    assert backoff(failures=10**6, retry_after=None, jitter=1) == timedelta(hours=1)


@pytest.mark.parametrize(("asked", "waited"), [(0, 2.5), (-9, 2.5), (1, 2.5), (60, 60), (3600, 3600), (10**9, 3600)])
def test_retry_after_is_honoured_up_to_an_hour(asked: float, waited: float) -> None:
    assert backoff(failures=1, retry_after=asked, jitter=0) == seconds(waited)


def plan(outcome: Outcome, *, alive: bool | None = True, **changed: Any) -> Plan:
    ends = {True: NOW + seconds(600), False: NOW - seconds(1), None: None}[alive]
    facts: dict[str, Any] = {
        "rotation": "strict",
        "failures": 1,
        "earlier_grant_refusal": False,
        "unresolved_sends": 1,
        "retry_after": None,
        "jitter": 0.0,
    }
    return after_failure(Failure(outcome=outcome, now=NOW, expires_at=ends, **facts | changed))


SOON = NOW + seconds(2.5)


@pytest.mark.parametrize("outcome", [Outcome.NOT_SENT, Outcome.BUSY, Outcome.MALFORMED, Outcome.REQUEST_REFUSED])
def test_a_passing_failure_is_tried_again_and_red_only_once_the_token_has_ended(outcome: Outcome) -> None:
    assert plan(outcome) == plan(outcome, alive=None) == Plan(SOON)
    assert plan(outcome, alive=False) == Plan(SOON, "service_unavailable")


def test_a_refused_grant_gets_a_second_try_after_a_minute_and_then_needs_its_person() -> None:
    assert plan(Outcome.GRANT_REFUSED) == Plan(NOW + seconds(60))
    assert plan(Outcome.GRANT_REFUSED, earlier_grant_refusal=True) == Plan(None, "reauthorization_required")


@pytest.mark.parametrize("rotation", ["grace", "strict"])
def test_a_grant_refused_after_an_unsettled_sending_is_an_unknown_outcome(rotation: str) -> None:
    assert plan(Outcome.GRANT_REFUSED, unresolved_sends=2, rotation=rotation) == Plan(None, "outcome_unknown")


def test_without_rotation_an_unsettled_sending_says_nothing_about_a_refused_grant() -> None:
    assert plan(Outcome.GRANT_REFUSED, unresolved_sends=2, rotation="none") == Plan(NOW + seconds(60))


@pytest.mark.parametrize("rotation", ["none", "grace"])
def test_an_unknown_outcome_is_repeated_once_at_once_where_rotation_allows(rotation: str) -> None:
    assert plan(Outcome.UNKNOWN, rotation=rotation) == Plan(NOW)
    assert plan(Outcome.UNKNOWN, rotation=rotation, unresolved_sends=2) == Plan(SOON)


def test_an_unknown_outcome_under_strict_rotation_uses_up_the_token_then_tries_once() -> None:
    assert plan(Outcome.UNKNOWN) == Plan(NOW + seconds(595))
    assert plan(Outcome.UNKNOWN, alive=False) == Plan(SOON, "service_unavailable")
    assert plan(Outcome.UNKNOWN, alive=False, unresolved_sends=2) == Plan(None, "outcome_unknown")


def test_a_refused_client_is_looked_at_again_and_red_only_once_the_token_has_ended() -> None:
    alive = plan(Outcome.CLIENT_REFUSED, client_confirmed=True)
    ended = plan(Outcome.CLIENT_REFUSED, alive=False, client_confirmed=True)
    assert (alive.client_broken, alive.reason) == (True, "")
    assert (ended.client_broken, ended.reason) == (True, "integration_misconfigured")
    assert alive.next_at is not None
    assert alive.next_at <= NOW + seconds(600)


def test_a_backoff_never_passes_over_the_end_of_the_token() -> None:
    ends = NOW + seconds(100)
    now, tries = NOW, []
    for failures in range(5, 9):
        failure = Failure(
            Outcome.BUSY, now, ends, "none", failures, False, unresolved_sends=1, retry_after=None, jitter=1.0
        )
        now = failure.retry_at
        tries.append((now - ends).total_seconds())
    assert tries[:3] == [-20, -5, 0]
    assert tries[3] == 5


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_margin_and_jitter_stay_after_the_earliest_refresh(jitter: float) -> None:
    planned = next_refresh_at(
        obtained_at=NOW, expires_at=NOW + seconds(600), refreshable=True, jitter=jitter, earliest=seconds(570)
    )
    assert planned is not None
    assert NOW + seconds(570) <= planned < NOW + seconds(590)


def test_a_strict_grant_that_another_host_may_have_refreshed_waits_past_its_end() -> None:
    ends = NOW + seconds(600)
    facts: dict[str, Any] = {"rotation": "strict", "unresolved_sends": 1, "expires_at": ends, "sent_at": NOW}
    assert refresh_policy.resend_at(**facts, sent_elsewhere=False) == ends - seconds(5)
    assert refresh_policy.resend_at(**facts, sent_elsewhere=True) == ends + seconds(120)
    assert refresh_policy.resend_at(**facts | {"rotation": "grace"}, sent_elsewhere=True) is None
    assert refresh_policy.resend_at(**facts | {"unresolved_sends": 0}, sent_elsewhere=True) is None
    unknown = facts | {"expires_at": None}
    assert refresh_policy.resend_at(**unknown, sent_elsewhere=False) is None
    assert refresh_policy.resend_at(**unknown, sent_elsewhere=True) == NOW + seconds(45 + 120)
