"""The cache while Redis is away."""

import socket

import pytest

from config.cache import RedisOrLocalCache


@pytest.fixture(autouse=True)
def _redis_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RedisOrLocalCache, "unavailable_until", 0.0)


def cache_at(port: int) -> RedisOrLocalCache:
    options = {"OPTIONS": {"socket_connect_timeout": 0.2, "socket_timeout": 0.2}}
    return RedisOrLocalCache(f"redis://127.0.0.1:{port}/0", options)


def test_this_process_remembers_while_redis_is_away(free_port: int) -> None:
    cache = cache_at(free_port)
    assert cache.get("attempts", 0) == 0
    cache.set("attempts", 1)
    assert cache.incr("attempts") == 2
    assert not cache.add("attempts", 9)
    assert cache.get("attempts") == 2


def test_only_the_first_call_waits_for_a_redis_that_hangs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(0.5)
        cache = cache_at(silent.getsockname()[1])
        for _ in range(20):
            cache.get("anything")
        arrived = 0
        try:
            while True:
                silent.accept()[0].close()
                arrived += 1
        except TimeoutError:
            pass
    assert 1 <= arrived <= 3  # the first call, with the client's own retries


@pytest.mark.needs_redis
def test_redis_is_used_where_it_answers() -> None:
    from tests.services import own_redis_database

    with own_redis_database() as url:
        one, other = RedisOrLocalCache(url, {}), RedisOrLocalCache(url, {})
        one.set("shared", "yes", 60)
        assert other.get("shared") == "yes"


@pytest.fixture
def free_port() -> int:
    from tests.processes import free_port

    return free_port()
