"""The limit of calls in flight: who is refused beyond it, who gets a slot, and that every slot is released."""

import contextlib
import gc
import threading
from collections.abc import Callable

import pytest

from apps import request_slots
from apps.connections.errors import TooManyCalls
from apps.connections.models import Connection
from apps.gateway.proxy import concurrency
from apps.gateway.proxy.concurrency import ConcurrencyLimiter, shares_of
from apps.request_slots import RequestSlots
from tests.connections.test_api import Caller
from tests.gateway import test_proxy
from tests.gateway.test_proxy import body_of, proxied
from tests.servers import HttpServer

api, connection, mine = test_proxy.api, test_proxy.connection, test_proxy.mine


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "_MAX_WAIT", 0.0)


def test_a_call_beyond_the_limit_is_refused(impatient: None) -> None:
    two = ConcurrencyLimiter(lambda: 2)
    first = two.acquire({})
    two.acquire({})
    with pytest.raises(TooManyCalls):
        two.acquire({})
    first()
    first()
    two.acquire({})
    with pytest.raises(TooManyCalls):
        two.acquire({})


def test_a_waiting_call_gets_the_slot_that_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "_MAX_WAIT", 60.0)
    one = ConcurrencyLimiter(lambda: 1)
    release = one.acquire({})
    waiting = threading.Thread(target=one.acquire, args=({},))
    waiting.start()
    release()
    waiting.join(timeout=30)
    assert not waiting.is_alive()


def test_a_call_that_waits_gives_its_request_slot_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "_MAX_WAIT", 60.0)
    slots, has_slot = RequestSlots(1, max_wait=20.0), threading.Event()
    monkeypatch.setattr(request_slots, "REQUEST_SLOTS", slots)
    one = ConcurrencyLimiter(lambda: 1)
    release = one.acquire({})

    def call() -> None:
        with slots.held():
            has_slot.set()
            one.acquire({})

    waiting = threading.Thread(target=call)
    waiting.start()
    assert has_slot.wait(20)
    with slots.held() as got:
        release()
    waiting.join(timeout=60)
    assert (got, waiting.is_alive()) == (True, False)


def test_a_call_that_would_have_to_wait_gets_no_slot_at_once() -> None:
    one = ConcurrencyLimiter(lambda: 1)
    release = one.acquire_now({})
    assert release is not None
    assert one.acquire_now({}) is None
    release()
    assert one.acquire_now({}) is not None


def hold_all(limiter: ConcurrencyLimiter, **holders: str) -> list[Callable[[], None]]:
    """Acquires slots until none is given."""
    held: list[Callable[[], None]] = []
    with contextlib.suppress(TooManyCalls):
        while True:
            held.append(limiter.acquire(shares_of(**holders)))
    return held


def test_one_team_leaves_slots_for_others(impatient: None) -> None:
    limiter = ConcurrencyLimiter(lambda: 6)
    first = [held for key in "abcdefgh" for held in hold_all(limiter, team="1", caller=key, connection=key)]
    assert len(first) == 4
    assert len(hold_all(limiter, team="2", caller="x", connection="x")) == 1
    assert len(hold_all(limiter, team="3", caller="y", connection="y")) == 1
    for release in first:
        release()
    assert len(hold_all(limiter, team="2", caller="z", connection="z")) == 2


@pytest.mark.parametrize("shared", ["caller", "connection"])
def test_one_key_or_connection_leaves_slots_for_its_team(impatient: None, shared: str) -> None:
    limiter = ConcurrencyLimiter(lambda: 6)
    names = {"team": "1", "caller": "a", "connection": "a"}
    held = [each for other in "abc" for each in hold_all(limiter, **names | {_other(shared): other})]
    assert len(held) == 3
    assert len(hold_all(limiter, **names | {shared: "b", _other(shared): "d"})) == 1


def _other(name: str) -> str:
    return {"caller": "connection", "connection": "caller"}[name]


def test_a_single_slot_is_given_to_anyone(impatient: None) -> None:
    limiter = ConcurrencyLimiter(lambda: 1)
    (release,) = hold_all(limiter, team="1", caller="a", connection="a")
    release()
    assert len(hold_all(limiter, team="2", caller="b", connection="b")) == 1


@pytest.mark.django_db(transaction=True)
def test_an_open_stream_keeps_its_slot_until_it_is_closed(
    impatient: None, api: HttpServer, connection: Connection, mine: Caller, settings: object
) -> None:
    gc.collect()
    settings.PROXY_STREAMS = 1  # type: ignore[attr-defined]
    api.will_answer(200, b"{}")
    held = proxied(mine, connection)
    refused = proxied(mine, connection)
    assert (refused.status_code, refused["Specway-Error"], refused["Retry-After"]) == (503, "too_many_calls", "5")
    assert len(api.received) == 1
    body_of(held)
    assert proxied(mine, connection).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_failed_call_releases_its_slot(
    impatient: None, api: HttpServer, connection: Connection, mine: Caller, settings: object
) -> None:
    gc.collect()
    settings.PROXY_STREAMS = 1  # type: ignore[attr-defined]
    api.will_answer(200, b"{}", Content_Encoding="br")
    assert [proxied(mine, connection).status_code for _ in range(2)] == [502, 502]
    api.answers.clear()
    api.will_answer(200, b"{}")
    assert proxied(mine, connection).status_code == 200
