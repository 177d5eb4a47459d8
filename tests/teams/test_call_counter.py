"""Counting over all processes. Each `CallCounter` represents one process."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache

from apps.teams import call_counter
from apps.teams.call_counter import CallCounter


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The counters' clock, which a test advances."""
    now = [1000.0]
    monkeypatch.setattr(call_counter.time, "monotonic", lambda: now[0])
    cache.clear()
    yield now
    cache.clear()


def add(counted: CallCounter, times: int = 1, *, batch: int, key: str = "who") -> int:
    return [counted.add(key, batch=batch, timeout=120) for _ in range(times)][-1]


def test_processes_agree_with_a_batch_of_one() -> None:
    ours, theirs = CallCounter(), CallCounter()
    assert add(ours, 3, batch=1) == 3
    assert add(theirs, 2, batch=1) == 5
    assert add(ours, batch=1) == 6


def test_a_process_counts_its_own_calls_at_once_and_rarely_accesses_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    increments: list[int] = []
    incr = cache.incr

    def seen(key: str, by: int = 1) -> Any:
        increments.append(by)
        return incr(key, by)

    monkeypatch.setattr(cache, "incr", seen)
    ours = CallCounter()
    assert [add(ours, batch=5) for _ in range(11)] == [*range(1, 12)]
    # The first found nothing to add to, and was made again.
    assert increments == [1, 1, 5, 5]


def test_fewer_than_a_batch_of_calls_of_each_other_process_are_missing() -> None:
    ours, theirs = CallCounter(), CallCounter()
    add(ours, 1, batch=5)
    add(theirs, 1 + 4, batch=5)
    assert add(ours, 5, batch=5) == 6 + 1  # of the other process's six calls, one is in the cache
    assert add(theirs, 1, batch=5) == 6 + 6


def test_pending_calls_are_flushed_after_a_second(clock: list[float]) -> None:
    ours, theirs = CallCounter(), CallCounter()
    add(ours, 1, batch=100)
    add(ours, 10, batch=100)
    clock[0] += call_counter.FLUSH_SECONDS
    assert add(ours, 1, batch=100) == 12
    assert add(theirs, 1, batch=100) == 13


def test_keys_are_counted_separately() -> None:
    ours = CallCounter()
    add(ours, 3, batch=5, key="one")
    assert add(ours, batch=5, key="other") == 1


def test_a_failing_cache_raises_and_later_calls_are_counted(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    def away(*_: Any) -> Any:
        raise ConnectionError("away")

    ours = CallCounter()
    with monkeypatch.context() as broken:
        broken.setattr(cache, "incr", away)
        with pytest.raises(ConnectionError):
            add(ours, batch=5)
    assert add(ours, batch=5) == 1


def test_the_number_of_keys_in_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_counter, "_MAX_KEYS", 2)
    ours = CallCounter()
    for key in ("one", "two", "three"):
        add(ours, batch=1, key=key)
    assert len(ours._counts) == 2
    assert add(ours, batch=1, key="one") == 2
