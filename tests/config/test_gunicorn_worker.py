"""How long a thread of the web server keeps a connection after a request."""

import socket
from types import SimpleNamespace

import pytest
from gunicorn.workers.gthread import ThreadWorker

from config.gunicorn_worker import WebWorker

pytestmark = pytest.mark.same_on_each_database
THREADS = 2
deferred = object()


class ScriptedWorker(WebWorker):
    """As many requests as `handled` has entries have come on the connection; the entries are what gunicorn returns."""

    def __init__(self, handled: list[object], *, connections: int = 1) -> None:
        self.handled, self.alive, self.nr_conns = handled, True, connections
        self.cfg = SimpleNamespace(threads=THREADS)


def handle(worker: ScriptedWorker, monkeypatch: pytest.MonkeyPatch, *, sends: bytes = b"GET") -> object:
    """What the worker returns for a connection on which the client has sent these bytes."""
    monkeypatch.setattr(ThreadWorker, "handle", lambda self, conn: self.handled.pop(0))
    ours, client = socket.socketpair()
    with ours, client:
        client.sendall(sends)
        return worker.handle(SimpleNamespace(sock=ours))


def test_requests_that_follow_at_once_are_handled_by_the_same_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = ScriptedWorker([True, True, False, True])
    assert handle(worker, monkeypatch) is False
    assert worker.handled == [True]


@pytest.mark.parametrize(
    ("first", "connections", "sends"),
    [(True, 1, b""), (True, THREADS + 1, b"GET"), (False, 1, b"GET"), (deferred, 1, b"GET")],
    ids=["nothing follows", "others need the thread", "to be closed", "deferred"],
)
def test_else_the_connection_is_returned_to_gunicorn(
    first: object, connections: int, sends: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = ScriptedWorker([first, False], connections=connections)
    assert handle(worker, monkeypatch, sends=sends) is first
    assert worker.handled == [False]


def test_a_worker_that_stops_returns_its_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = ScriptedWorker([True, False])
    worker.alive = False
    assert handle(worker, monkeypatch) is True
