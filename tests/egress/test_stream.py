"""Streamed requests: the same rules as for sessions, and connections that are reused for their own partition only."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from apps import egress
from tests.servers import raw_server

TIMEOUTS = egress.Timeouts(connect=20, idle=20, total=60)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Talk:
    """A server that gives `answer` to each request, and counts connections and requests."""

    def __init__(self) -> None:
        self.answer, self.connections, self.requests = ANSWER, 0, 0
        self.hang_up_after = 10_000
        self.hung_up = threading.Semaphore(0)

    def __call__(self, sock: socket.socket, over: threading.Event) -> None:
        self.connections += 1
        for _ in range(self.hang_up_after):
            seen = b""
            while b"\r\n\r\n" not in seen:
                chunk = sock.recv(4096)
                if not chunk:
                    return
                seen += chunk
            self.requests += 1
            sock.sendall(self.answer)
        sock.shutdown(socket.SHUT_RDWR)
        self.hung_up.release()


Ask = Callable[..., bytes]


@pytest.fixture
def talk() -> Talk:
    return Talk()


@pytest.fixture
def ask(talk: Talk) -> Iterator[Ask]:
    with raw_server(talk) as port:
        egress.configure(allowed_hosts=[f"127.0.0.1:{port}"])

        def call(partition: str = "a", method: str = "GET", body: bytes = b"", **more: Any) -> bytes:
            request = egress.Request(method, f"http://127.0.0.1:{port}/x", body=body)
            peek = more.pop("peek", 0)
            answer = egress.stream(request, timeouts=more.pop("timeouts", TIMEOUTS), partition=partition, **more)
            try:
                assert b"ok".startswith(answer.peek(peek))
                return b"".join(answer)
            finally:
                answer.close()

        yield call


def test_a_connection_is_reused_by_its_own_partition_only(talk: Talk, ask: Ask) -> None:
    assert [ask("a"), ask("a"), ask("b")] == [b"ok"] * 3
    assert (talk.connections, talk.requests) == (2, 3)


def test_unrequested_bytes_are_not_the_next_response(talk: Talk, ask: Ask) -> None:
    talk.answer = ANSWER + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    assert [ask(), ask()] == [b"ok", b"ok"]
    assert talk.connections == 2


def test_a_connection_is_not_reused_after_an_unexpected_body(talk: Talk, ask: Ask) -> None:
    assert [ask(body=b"GET /evil HTTP/1.1"), ask()] == [b"ok", b"ok"]
    assert talk.connections == 2


def test_a_connection_that_the_host_closed_is_replaced(talk: Talk, ask: Ask) -> None:
    talk.hang_up_after = 1
    for more in ({}, {}, {"method": "POST", "body": b"x"}):
        assert ask(**more) == b"ok"
        assert talk.hung_up.acquire(timeout=30)
    assert talk.connections == 3


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
    ids=["short", "unfinished", "negative", "too long", "large head", "switched", "no HTTP"],
)
def test_an_incomplete_response_is_an_error(talk: Talk, ask: Ask, answer: bytes) -> None:
    talk.answer, talk.hang_up_after = answer, 1
    with pytest.raises(egress.NoResponse):
        ask()


def test_interim_responses_and_trailers_are_skipped(talk: Talk, ask: Ask) -> None:
    talk.answer = (
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2;ext=1\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n"
    )
    assert [ask(), ask()] == [b"ok", b"ok"]
    assert talk.connections == 1


@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_body_that_was_looked_into_is_still_complete(talk: Talk, ask: Ask, size: int) -> None:
    talk.answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n"
    assert [ask(peek=size), ask()] == [b"ok", b"ok"]
    assert talk.connections == 1


def test_an_incomplete_body_that_was_looked_into_is_an_error(talk: Talk, ask: Ask) -> None:
    talk.answer, talk.hang_up_after = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", 1
    with pytest.raises(egress.NoResponse):
        ask(peek=100)


def test_the_idle_timeout_ends_a_request(talk: Talk, ask: Ask) -> None:
    talk.answer = b""
    with pytest.raises(egress.TimedOut):
        ask(timeouts=egress.Timeouts(connect=20, idle=0.2, total=60))


def test_a_request_whose_time_is_up_is_not_sent(talk: Talk, ask: Ask) -> None:
    with pytest.raises(egress.NotSent):
        ask(timeouts=egress.Timeouts(connect=20, idle=20, total=0))
    assert talk.requests == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1"])
def test_a_name_with_a_private_address_is_not_called(address: str) -> None:
    request = egress.Request("GET", "https://api.example.com/x")
    with pytest.raises(egress.DestinationBlocked):
        egress.stream(request, timeouts=TIMEOUTS, resolve=lambda host, port: ["93.184.216.34", address])


def test_a_header_with_a_line_break_is_not_sent(talk: Talk, ask: Ask) -> None:
    with raw_server(talk) as port:
        egress.configure(allowed_hosts=[f"127.0.0.1:{port}"])
        request = egress.Request("GET", f"http://127.0.0.1:{port}/x", [("X-A", "1\r\nX-B: 2")])
        with pytest.raises(egress.EgressError):
            egress.stream(request, timeouts=TIMEOUTS)
    assert talk.requests == 0


def test_tls_is_verified_against_the_hosts_name(tls_server: Any) -> None:
    server, trust, asked = tls_server
    options = {"timeouts": TIMEOUTS, "ca_file": trust, "resolve": lambda host, port: ["127.0.0.1"]}
    answer = egress.stream(egress.Request("GET", f"https://secure.test:{server.port}/x"), **options)
    assert (answer.status, b"".join(answer)) == (200, b"secure")
    assert asked == ["secure.test"]
    with pytest.raises(egress.NotSent):
        egress.stream(egress.Request("GET", f"https://other.test:{server.port}/x"), **options)
