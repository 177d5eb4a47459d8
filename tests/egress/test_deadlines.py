"""Time limits end waiting and nothing else: what has arrived counts, however late it is read."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from apps import egress
from apps.egress import connection
from tests.servers import raw_server, self_signed

SHORT = 0.4
Conversation = Callable[[socket.socket, threading.Event], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def limits(total: float) -> egress.Timeouts:
    return egress.Timeouts(connect=total, idle=total, total=total)


def streamed(port: int, total: float) -> egress.Response:
    egress.configure(allowed_hosts=[f"127.0.0.1:{port}"])
    return egress.stream(egress.Request("GET", f"http://127.0.0.1:{port}/"), timeouts=limits(total))


# --- A response that is complete ------------------------------------------------------------------------------------

CHILD = """
import sys
from apps import egress
url, way = sys.argv[1:]
egress.configure(allowed_hosts=[url.removeprefix("http://")])
if way == "session":
    with egress.session(deadline=1) as session:
        body = session.get(url).content
else:
    timeouts = egress.Timeouts(connect=1, idle=1, total=1)
    body = b"".join(egress.stream(egress.Request("GET", url), timeouts=timeouts))
print(body.decode())
"""


@pytest.mark.parametrize("way", ["session", "stream"])
def test_a_process_stopped_past_its_deadline_takes_the_response_that_waits(way: str) -> None:
    asked = threading.Event()

    def conversation(peer: socket.socket, over: threading.Event) -> None:
        peer.recv(65_536)
        os.kill(child.pid, signal.SIGSTOP)
        while psutil.Process(child.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)
        peer.sendall(OK)
        asked.set()
        over.wait(60)

    with raw_server(conversation) as port:
        command = [sys.executable, "-c", CHILD, f"http://127.0.0.1:{port}", way]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
        assert asked.wait(60)
        time.sleep(1.2)  # its deadline passes while it is stopped
        child.send_signal(signal.SIGCONT)
        output, _ = child.communicate(timeout=60)
    assert output == b"hello\n"


def large_body(sent: threading.Event) -> Conversation:
    """Sends more than is read together with the head, and waits."""

    def conversation(peer: socket.socket, over: threading.Event) -> None:
        peer.recv(65_536)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 150000\r\n\r\n" + b"x" * 150_000)
        sent.set()
        over.wait(60)

    return conversation


def test_a_body_that_has_arrived_is_read_after_the_deadline() -> None:
    sent = threading.Event()
    with raw_server(large_body(sent)) as port:
        response = streamed(port, SHORT)
        assert sent.wait(60)
        time.sleep(SHORT)
        assert b"".join(response) == b"x" * 150_000


def test_what_no_receive_buffer_can_hold_is_not_read_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that never stops sending would go on indefinitely otherwise."""
    monkeypatch.setattr(connection, "_MAX_LATE", 50_000)
    sent = threading.Event()
    with raw_server(large_body(sent)) as port:
        response = streamed(port, SHORT)
        assert sent.wait(60)
        time.sleep(SHORT)
        with pytest.raises(egress.TimedOut):
            b"".join(response)


def test_waiting_for_the_rest_after_the_deadline_is_a_timeout() -> None:
    def conversation(peer: socket.socket, over: threading.Event) -> None:
        peer.recv(65_536)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell")
        over.wait(60)

    with raw_server(conversation) as port:
        response = streamed(port, SHORT)
        time.sleep(SHORT)
        with pytest.raises(egress.TimedOut):
            b"".join(response)


# --- TLS ------------------------------------------------------------------------------------------------------------


def dripping_tls(context: ssl.SSLContext, *, from_the_handshake: bool) -> Conversation:
    """Responds over TLS one byte at a time, from the handshake or from the response on."""

    def conversation(peer: socket.socket, over: threading.Event) -> None:
        inbound, outbound = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(inbound, outbound, server_side=True)

        def flush(drips: bool) -> None:
            data = outbound.read()
            if not drips:
                peer.sendall(data)
                return
            for byte in data:
                if not over.wait(0.02):
                    peer.sendall(bytes([byte]))

        def until_done(operation: Callable[[], object], drips: bool) -> None:
            while True:
                try:
                    operation()
                except ssl.SSLWantReadError:
                    flush(drips)
                    inbound.write(peer.recv(65_536))
                else:
                    flush(drips)
                    return

        until_done(tls.do_handshake, from_the_handshake)
        until_done(lambda: tls.read(65_536), from_the_handshake)
        until_done(lambda: tls.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000), True)

    return conversation


@pytest.mark.parametrize(("from_the_handshake", "error"), [(True, egress.NotSent), (False, egress.TimedOut)])
def test_the_deadline_ends_a_dripped_tls_record(
    tmp_path: Path, from_the_handshake: bool, error: type[egress.EgressError]
) -> None:
    context, trust = self_signed(tmp_path, "127.0.0.1")
    with raw_server(dripping_tls(context, from_the_handshake=from_the_handshake)) as port:
        egress.configure(allowed_hosts=[f"127.0.0.1:{port}"])
        with egress.session(deadline=SHORT) as session, pytest.raises(egress.EgressError) as caught:
            session.get(f"https://127.0.0.1:{port}/", verify=trust)
    assert type(caught.value) is error


def test_a_dripped_record_that_ends_in_time_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, trust = self_signed(tmp_path, "127.0.0.1")
    monkeypatch.setattr(threading.Event, "wait", lambda self, timeout=None: self.is_set())  # drips without pauses
    with raw_server(dripping_tls(context, from_the_handshake=True)) as port:
        egress.configure(allowed_hosts=[f"127.0.0.1:{port}"])
        with egress.session(deadline=60) as session:
            assert session.get(f"https://127.0.0.1:{port}/", verify=trust).content == b"x" * 2000
