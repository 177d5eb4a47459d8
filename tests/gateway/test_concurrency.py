"""How many calls a process has under way: what is beyond is told to come again, and nothing keeps a place for good."""

import gc
import threading

import pytest

from apps.connections.errors import TooManyCalls
from apps.connections.models import Connection
from apps.gateway.proxy import concurrency
from apps.gateway.proxy.concurrency import ConcurrencyLimiter
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
    first = two.acquire()
    two.acquire()
    with pytest.raises(TooManyCalls):
        two.acquire()
    first()
    first()
    two.acquire()
    with pytest.raises(TooManyCalls):
        two.acquire()


def test_a_waiting_call_gets_the_slot_that_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "_MAX_WAIT", 60.0)
    one = ConcurrencyLimiter(lambda: 1)
    release = one.acquire()
    waiting = threading.Thread(target=one.acquire)
    waiting.start()
    release()
    waiting.join(timeout=30)
    assert not waiting.is_alive()


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
