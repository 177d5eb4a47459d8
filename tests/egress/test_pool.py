"""How long an idle connection is kept."""

from types import SimpleNamespace
from typing import Any

import pytest

from apps.egress import pool


class Idle:
    """A connection on which nothing happens, opened at 1000 seconds."""

    opened_at = 1000.0
    is_closed = False

    def is_quiet(self) -> bool:
        return True

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The pool's clock reads `now` (seconds)."""
    made = SimpleNamespace(now=1000.0)
    made.monotonic = lambda: made.now
    monkeypatch.setattr(pool, "time", made)
    return made


def kept(clock: SimpleNamespace, *, given_at: float, taken_at: float) -> bool:
    """Whether a connection that is given back at a time is handed over again at another."""
    connections, idle = pool.Pool(), Idle()
    taken: Any = idle
    clock.now = given_at
    connections.give("key", taken)
    clock.now = taken_at
    found = connections.take("key")
    assert (found is None) is idle.is_closed
    return found is not None


def test_a_connection_is_reused_for_a_minute_so_that_a_changed_dns_counts(clock: SimpleNamespace) -> None:
    assert kept(clock, given_at=1058, taken_at=1059)
    assert not kept(clock, given_at=1058, taken_at=1061)


def test_a_connection_is_idle_for_at_most_fifteen_seconds(clock: SimpleNamespace) -> None:
    assert kept(clock, given_at=1001, taken_at=1015)
    assert not kept(clock, given_at=1001, taken_at=1017)


def test_connections_that_were_idle_for_too_long_are_closed_when_others_come(clock: SimpleNamespace) -> None:
    connections, first, second = pool.Pool(), Idle(), Idle()
    given: list[Any] = [first, second]
    connections.give("one", given[0])
    clock.now += 16
    connections.give("another", given[1])
    assert (first.is_closed, second.is_closed) == (True, False)


def test_the_oldest_of_all_and_of_each_owner_are_closed_beyond_the_limits(
    clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_MAX_IDLE", 3)
    monkeypatch.setattr(pool, "_MAX_PER_KEY", 2)
    connections, given = pool.Pool(), [Idle() for _ in range(6)]
    several: list[Any] = list(given)
    for key, connection in zip("aaabcd", several, strict=True):
        connections.give(key, connection)
    assert [each.is_closed for each in given] == [True, True, True, False, False, False]
    assert connections.take("a") is None
    assert [connections.take(key) for key in "bcd"] == several[3:]
