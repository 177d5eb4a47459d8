"""Calls in progress end within seconds once their caller has lost access."""

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from apps.audit.models import AuditEvent
from apps.connections.models import Connection
from apps.connections.services.disconnect import disconnect
from apps.gateway.services import revocation
from apps.teams.models import ApiKey, Membership
from tests.connections.test_api import Caller, caller, share
from tests.fixtures.connections import Cast
from tests.gateway import test_proxy
from tests.gateway.test_proxy import USE, proxied
from tests.servers import HttpServer, raw_server

pytestmark = pytest.mark.django_db(transaction=True)
api, connection, mine = test_proxy.api, test_proxy.connection, test_proxy.mine
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocation, "INTERVAL", 0.1)


@pytest.fixture
def sends_chunks(api: HttpServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The API sends a chunk every hundredth of a second, without end."""

    def talk(sock: socket.socket, over: threading.Event) -> None:
        sock.recv(65_536)
        sock.sendall(HEAD)
        while not over.wait(0.01):
            sock.sendall(b"5\r\nhello\r\n")

    with raw_server(talk) as port:
        yield from _as_api(api, port, monkeypatch)


@pytest.fixture
def sends_one_chunk(api: HttpServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The API sends one complete line, and then nothing for as long as the connection is open."""

    def talk(sock: socket.socket, over: threading.Event) -> None:
        sock.recv(65_536)
        sock.sendall(HEAD + b"6\r\nhello\n\r\n")
        over.wait(60)

    with raw_server(talk) as port:
        yield from _as_api(api, port, monkeypatch)


def _as_api(api: HttpServer, port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from apps import egress

    monkeypatch.setattr(api, "port", port)
    egress.configure(allowed_hosts=[f"127.0.0.1:{port}"])
    yield


def revoke_key(who: Caller, **_: Any) -> None:
    from django.utils import timezone

    ApiKey.objects.filter(pk=who.key.pk).update(revoked_at=timezone.now())


def remove_member(cast: Cast, **_: Any) -> None:
    Membership.objects.filter(pk=cast.admin.pk).delete()


def withdraw_share(connection: Connection, **_: Any) -> None:
    Connection.objects.filter(pk=connection.pk).update(is_shared=False)


def end_connection(connection: Connection, cast: Cast, **_: Any) -> None:
    disconnect(actor=cast.actor("member"), connection=Connection.objects.get(pk=connection.pk))


@pytest.mark.parametrize("change", [revoke_key, remove_member, withdraw_share, end_connection])
def test_a_stream_ends_once_access_is_lost(
    quick: None, connection: Connection, sends_chunks: None, cast: Cast, change: Callable[..., None]
) -> None:
    share(connection)
    who = caller(cast.admin, scopes=USE)
    answer = proxied(who, connection)
    chunks = iter(answer.streaming_content)
    assert next(chunks)
    change(who=who, cast=cast, connection=connection)
    with pytest.raises(ConnectionResetError):
        sum(map(len, itertools.islice(chunks, 3000)))  # at least 30 seconds
    assert AuditEvent.objects.get(action="connection.use_failed").detail["ended"] == "revoked"


def test_a_silent_stream_ends_too(quick: None, connection: Connection, sends_one_chunk: None, mine: Caller) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        answer = proxied(mine, connection, **{"gunicorn.socket": ours})
        chunks = iter(answer.streaming_content)
        assert next(chunks)
        revoke_key(mine)
        with pytest.raises(ConnectionResetError):
            next(chunks)


def test_a_stream_goes_on_while_access_lasts(
    quick: None, connection: Connection, sends_chunks: None, mine: Caller
) -> None:
    answer = proxied(mine, connection)
    chunks = iter(answer.streaming_content)
    for _ in range(10):  # a second, in which ten checks run
        assert next(chunks)
    answer.close()
