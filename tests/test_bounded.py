"""Dictionaries of bounded size: what they keep, how much of it, and for how long."""

import time
from types import SimpleNamespace

import pytest

from apps import bounded
from apps.bounded import BoundedDict, ShortLivedDict


def test_a_bounded_dictionary_keeps_what_was_used_most_recently() -> None:
    kept = BoundedDict[str, int](2)
    for name in "ab":
        kept.put(name, 1)
    kept.get("a")
    kept.put("c", 1)
    assert kept.newest(9) == ["c", "a"]
    kept.remove("c")
    assert (len(kept), kept.get("c")) == (1, None)


def test_a_short_lived_dictionary_keeps_the_newest_of_its_entries() -> None:
    kept = ShortLivedDict[str, int](2, seconds=60)
    for number, name in enumerate("abac"):
        kept.put(name, number)
    assert [kept.get(name) for name in "abc"] == [2, None, 3]
    kept.remove("c")
    assert (len(kept), kept.get("c")) == (1, None)


def test_a_short_lived_entry_is_not_returned_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = ShortLivedDict[str, int](2, seconds=60)
    kept.put("a", 1)
    later = time.monotonic() + 61
    monkeypatch.setattr(bounded, "time", SimpleNamespace(monotonic=lambda: later))
    assert kept.get("a") is None


def test_an_expired_entry_is_removed_from_memory() -> None:
    kept = ShortLivedDict[str, int](9, seconds=0.05)
    kept.put("a", 1)
    kept.put("b", 1)
    deadline = time.monotonic() + 30
    while len(kept):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    kept.put("c", 1)  # the timer starts again
    while len(kept):
        assert time.monotonic() < deadline
        time.sleep(0.01)
