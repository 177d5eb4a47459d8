"""One connection to a host, as a stream: it waits for the other side within limits, and for the client to go away."""

import io
import select
import socket
import ssl
import time
from contextlib import suppress
from typing import Any

from apps.egress.errors import Abandoned, TimedOut

PIECE = 65_536
_HEAD_LIMIT = 131_072
ClientSocket = socket.socket

# The other end of a socket closed its sending half. Linux tells it even while unread bytes wait; elsewhere nobody does.
_HUNG_UP = getattr(select, "POLLRDHUP", 0)


class Wire:
    """A connected socket for one request after the other.

    A socket's own timeout cannot watch two sockets, so each wait is a poll: for the host, at most `idle` seconds and
    never past the end of the call, and for `client`, whose hanging up raises Abandoned.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._secure = isinstance(sock, ssl.SSLSocket)
        self._idle = self._end = 0.0
        self._client: ClientSocket | None = None
        self._head_left: int | None = None
        self._may_read = True
        self.received = 0
        self.opened_at = time.monotonic()
        self.reader = io.BufferedReader(_Incoming(self), PIECE)
        with suppress(OSError):  # heads and small bodies must not wait for each other's acknowledgement
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def begin(self, *, idle: float, total: float, client: ClientSocket | None) -> None:
        """A new call: its limits (seconds) and the socket of whoever asked for it."""
        self._idle, self._end, self._client = idle, time.monotonic() + total, client
        self._sock.settimeout(idle)  # for what TLS reads beyond the first byte
        self.received = 0

    def expect_head(self) -> None:
        """From now on, until `head_is_over`, no more than a head's worth of bytes is read."""
        self._head_left = _HEAD_LIMIT

    def head_is_over(self) -> None:
        self._head_left = None

    def send(self, data: bytes) -> bool:
        """Sends all of it. False: the host has answered already and takes no more. Raises OSError and what waits do."""
        view = memoryview(data)
        while view:
            ready = self._wait(select.POLLOUT | (0 if self._secure else select.POLLIN))
            if not ready & select.POLLOUT:
                return False
            view = view[self._sock.send(view[:PIECE]) :]
        return True

    def sendall(self, data: bytes) -> None:
        """What http.client calls for the head. An early answer is found by whoever reads next."""
        self.send(data)

    def read_into(self, buffer: Any) -> int | None:
        if not self._may_read:
            return None
        if self._head_left is not None and self._head_left <= 0:
            raise ValueError("The head of the answer is too large.")
        if not (isinstance(self._sock, ssl.SSLSocket) and self._sock.pending()):
            self._wait(select.POLLIN)
        count = self._sock.recv_into(buffer)
        self.received += count
        if self._head_left is not None:
            self._head_left -= count
        return count

    def _wait(self, events: int) -> int:
        poll = select.poll()
        poll.register(self._sock, events)
        if self._client is not None and _HUNG_UP:
            if self._client.fileno() < 0:
                raise Abandoned("The client went away.")
            poll.register(self._client, _HUNG_UP)
        left = min(self._idle, self._end - time.monotonic())
        ready = dict(poll.poll(left * 1000)) if left > 0 else {}
        if not ready:
            raise TimedOut("The host did not answer in time.")
        if self._client is not None and self._client.fileno() in ready:
            raise Abandoned("The client went away.")
        return ready[self._sock.fileno()]

    def is_quiet(self) -> bool:
        """Nothing unread waits, and the host has not hung up: the next answer will belong to the next request."""
        self._may_read = False
        try:
            if self.reader.peek(1):
                return False
        finally:
            self._may_read = True
        if isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
            return False
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        self._client = None
        with suppress(OSError):
            self._sock.close()


class _Incoming(io.RawIOBase):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        return self._wire.read_into(buffer)


def wait_for_client(seconds: float, client: ClientSocket | None) -> None:
    """A pause, which ends with Abandoned as soon as the client hangs up."""
    if client is None or not _HUNG_UP or client.fileno() < 0:
        time.sleep(seconds)
        return
    poll = select.poll()
    poll.register(client, _HUNG_UP)
    if poll.poll(seconds * 1000):
        raise Abandoned("The client went away.")
