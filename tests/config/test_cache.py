"""The shared cache: in Redis, in a file, and while neither works."""

import pickle
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from config.cache import REDIS_OPTIONS, FileCache, SharedCache
from config.settings import REDIS_TRANSPORT_OPTIONS
from tests.processes import free_port
from tests.services import own_redis_database


class Payload:
    """What an attacker stores: unpickling it calls a function of the attacker's choice."""

    def __init__(self, effect: Path) -> None:
        self._effect = effect

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self._effect,)


@pytest.fixture(autouse=True)
def shared_cache_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SharedCache, "unavailable_until", 0.0)


def cache_at(port: int) -> SharedCache:
    return SharedCache(f"redis://127.0.0.1:{port}/0", {"OPTIONS": REDIS_OPTIONS})


def test_this_process_counts_alone_while_redis_is_down() -> None:
    cache = cache_at(free_port())
    assert cache.get("attempts", 0) == 0
    cache.set("attempts", 1)
    assert cache.incr("attempts") == 2
    assert not cache.add("attempts", 9)
    assert cache.get("attempts") == 2


def test_a_redis_that_hangs_is_asked_once_and_without_retries() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cache = cache_at(silent.getsockname()[1])
        for _ in range(20):
            cache.get("anything")
        silent.settimeout(1)
        accepted = [silent.accept()[0]]
        with pytest.raises(TimeoutError):
            accepted.append(silent.accept()[0])
        for each in accepted:
            each.close()


@pytest.mark.parametrize("timeout", ["socket_connect_timeout", "socket_timeout"])
def test_a_request_waits_for_cache_and_broker_together_well_under_a_second_and_a_half(timeout: str) -> None:
    """One of the two timeouts counts: a Redis that hangs accepts connections, one behind a firewall accepts none."""
    assert REDIS_OPTIONS[timeout] + REDIS_TRANSPORT_OPTIONS[timeout] <= 1.25


@pytest.mark.needs_redis
def test_redis_is_used_where_it_answers() -> None:
    with own_redis_database() as url:
        one, other = SharedCache(url, {"OPTIONS": REDIS_OPTIONS}), SharedCache(url, {"OPTIONS": REDIS_OPTIONS})
        one.set("shared", ["yes", 1.5], 60)
        assert other.get("shared") == ["yes", 1.5]
        one.set("count", 1)
        assert other.incr("count") == 2


@pytest.mark.needs_redis
def test_a_pickle_in_redis_is_a_missing_entry_and_runs_nothing(tmp_path: Path) -> None:
    with own_redis_database() as url:
        cache = SharedCache(url, {"OPTIONS": REDIS_OPTIONS})
        effect = tmp_path / "ran"
        redis.Redis.from_url(url).set(cache.make_key("attempts"), pickle.dumps(Payload(effect)))
        assert cache.get("attempts", "missing") == "missing"
    assert not effect.exists()


def test_a_pickle_in_the_file_runs_nothing(tmp_path: Path) -> None:
    path, effect = tmp_path / "cache.sqlite3", tmp_path / "ran"
    path.write_bytes(pickle.dumps(Payload(effect)))
    cache = SharedCache(str(path), {})
    cache.set("attempts", 1)
    assert cache.get("attempts") == 1
    assert not effect.exists()


def test_the_file_is_shared_and_survives_the_process(tmp_path: Path) -> None:
    one, other = (FileCache(str(tmp_path / "cache.sqlite3"), {}) for _ in range(2))
    one.set("names", ["a", "b"], 60)
    assert other.get("names") == ["a", "b"]
    assert not other.add("names", [])
    assert other.touch("names", 30)
    assert other.delete("names")
    assert not one.touch("names")
    assert one.get("names") is None
    with pytest.raises(ValueError, match="not found"):
        one.incr("names")


def test_expired_entries_of_the_file_are_missing(tmp_path: Path) -> None:
    cache = FileCache(str(tmp_path / "cache.sqlite3"), {})
    cache.set("old", 1, timeout=-1)
    assert cache.get("old") is None
    assert not cache.touch("old")
    cache.set("old", 1, timeout=-1)
    assert cache.add("old", 2)
    assert cache.get("old") == 2


def test_parallel_increments_of_the_file_are_all_counted(tmp_path: Path) -> None:
    path = str(tmp_path / "cache.sqlite3")
    FileCache(path, {}).set("count", 0)

    def count() -> None:
        cache = FileCache(path, {})
        for _ in range(25):
            cache.incr("count")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert FileCache(path, {}).get("count") == 100
