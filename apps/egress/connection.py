"""One connection to a host: opened, read and written within time limits, while watching whether the client hangs up."""

import io
import select
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any, TypeVar

from apps.egress.destination import Destination
from apps.egress.errors import ClientDisconnected, NotSent, TimedOut
from apps.errors import gettext_noop

T = TypeVar("T")

CHUNK_SIZE = 65_536
_MAX_HEAD = 131_072
# What may be read without waiting after the end of a request: more than a socket's receive buffer holds is still
# being sent, so that a host that never stops does not go on after the deadline.
_MAX_LATE = 8_388_608
ClientSocket = socket.socket

# The other end closed its sending half. Linux reports it even while unread bytes wait; other systems do not.
_HUNG_UP = getattr(select, "POLLRDHUP", 0)


def end_waits(client: ClientSocket) -> None:
    """Shut the receiving side of a client's socket: each wait for the host then ends as if the client hung up.

    Raises OSError if the socket is closed.
    """
    socket.socket.shutdown(client, socket.SHUT_RD)


class Connection:
    """A connected socket for one request after the other. It never blocks except in `_wait`, which is a poll.

    Time limits end waiting, and nothing else: what has arrived is read however late it is, so a response that was
    complete while this process was stopped still counts.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._idle = self._end = 0.0
        self._client: ClientSocket | None = None
        self._head_left: int | None = None
        self._may_read = True
        self._late = 0
        self.received = 0
        self.opened_at = time.monotonic()
        self.reader = io.BufferedReader(_Incoming(self), CHUNK_SIZE)
        sock.setblocking(False)
        with suppress(OSError):  # head and small body must not wait for each other's acknowledgement
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def begin(self, *, idle: float, end: float, client: ClientSocket | None) -> None:
        """Sets the limits of a new request: `idle` seconds for each wait, none after `end` (of `time.monotonic`).

        `client` is the socket of the client that the response is for. Raises NotSent if the end has passed already.
        """
        if time.monotonic() >= end:
            raise NotSent(gettext_noop("The host could not be reached in time."))
        self._idle, self._end, self._client = idle, end, client
        self.received = self._late = 0

    def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Raises OSError (ssl.SSLError is one), ValueError, TimedOut or ClientDisconnected."""
        secure = context.wrap_socket(self._sock, server_hostname=host, do_handshake_on_connect=False)
        self._sock = secure
        self._without_blocking(secure.do_handshake, select.POLLIN)

    def expect_head(self) -> None:
        """From now on, until `head_is_over`, no more than a head's worth of bytes is read."""
        self._head_left = _MAX_HEAD

    def head_is_over(self) -> None:
        self._head_left = None

    def send(self, data: bytes) -> bool:
        """Sends all of it. False: the host has responded already and takes no more. Raises OSError and as `_wait`."""
        view = memoryview(data)
        # In TLS, incoming bytes need not be a response: session tickets arrive too.
        events = select.POLLOUT if self._is_secure else select.POLLOUT | select.POLLIN
        while view:
            if not self._wait(events) & select.POLLOUT:
                return False
            view = view[self._without_blocking(partial(self._sock.send, view[:CHUNK_SIZE]), select.POLLOUT) :]
        return True

    def read_into(self, buffer: Any) -> int | None:
        if not self._may_read:
            return None
        if self._head_left is not None and self._head_left <= 0:
            raise ValueError("The head of the response is too large.")
        if not self._pending:
            self._wait(select.POLLIN)
        count = self._without_blocking(partial(self._sock.recv_into, buffer), select.POLLIN)
        self.received += count
        if self._head_left is not None:
            self._head_left -= count
        if time.monotonic() >= self._end:
            self._late += count
            if self._late > _MAX_LATE:
                raise TimedOut(gettext_noop("The host did not finish its response in time."))
        return count

    @property
    def _is_secure(self) -> bool:
        return isinstance(self._sock, ssl.SSLSocket)

    @property
    def _pending(self) -> int:
        """Bytes that TLS has decrypted and that are unread: poll does not know of them."""
        return self._sock.pending() if isinstance(self._sock, ssl.SSLSocket) else 0

    def _without_blocking(self, operation: Callable[[], T], events: int) -> T:
        """Repeats `operation` while it would block: TLS may need several records, or write in order to read."""
        while True:
            try:
                return operation()
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT)
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN)
            except BlockingIOError:
                self._wait(events)

    def _wait(self, events: int) -> int:
        """What the socket is ready for. Raises TimedOut when the time is up, ClientDisconnected on its hang-up."""
        poll = select.poll()
        poll.register(self._sock, events)
        if self._client is not None and _HUNG_UP:
            if self._client.fileno() < 0:
                raise ClientDisconnected(gettext_noop("The client went away."))
            poll.register(self._client, _HUNG_UP)
        left = min(self._idle, self._end - time.monotonic())
        # The second look is for a process that was stopped while it waited.
        ready = dict(poll.poll(max(left, 0) * 1000) or poll.poll(0))
        if not ready:
            raise TimedOut(gettext_noop("The host did not respond in time."))
        if self._client is not None and self._client.fileno() in ready:
            raise ClientDisconnected(gettext_noop("The client went away."))
        return ready[self._sock.fileno()]

    def is_quiet(self) -> bool:
        """Nothing unread waits, and the host has not hung up: the next response will belong to the next request."""
        self._may_read = False
        try:
            if self.reader.peek(1):
                return False
        finally:
            self._may_read = True
        if self._pending:
            return False
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        self._client = None
        with suppress(OSError):
            self._sock.close()


class _Incoming(io.RawIOBase):
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        return self._connection.read_into(buffer)


def open_connection(
    destination: Destination, addresses: list[str], *, ca_file: str, end: float, client: ClientSocket | None
) -> Connection:
    """A connection to one of the addresses, inside TLS unless the scheme is http, ready before `end`. Raises NotSent.

    `ca_file` names the certificate authorities to trust.
    """
    connection = Connection(_connected(addresses, destination.port, end))
    try:
        connection.begin(idle=end - time.monotonic(), end=end, client=client)
        if destination.scheme != "http":
            connection.start_tls(_tls_context(ca_file), destination.host)
    except ssl.SSLCertVerificationError as error:
        connection.close()
        raise NotSent(
            gettext_noop("The host's certificate is not valid: %(problem)s.") % {"problem": error.verify_message}
        ) from None
    except (OSError, ValueError, TimedOut):
        connection.close()
        raise NotSent(gettext_noop("No secure connection to the host could be made.")) from None
    except BaseException:
        connection.close()
        raise
    return connection


def _connected(addresses: list[str], port: int, end: float) -> socket.socket:
    """Tries the addresses in turn, each with its share of the time that is left."""
    for position, address in enumerate(addresses):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        left = end - time.monotonic()
        if left <= 0:
            raise NotSent(gettext_noop("The host could not be reached in time."))
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(left / (len(addresses) - position))
            sock.connect((address, port))
        except OSError:
            sock.close()
        else:
            return sock
    raise NotSent(gettext_noop("The host refuses connections or cannot be reached."))


@lru_cache
def _tls_context(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(["http/1.1"])
    return context


def wait_for_client(seconds: float, client: ClientSocket | None) -> None:
    """A pause, which ends with ClientDisconnected as soon as the client hangs up."""
    if client is None or not _HUNG_UP or client.fileno() < 0:
        time.sleep(seconds)
        return
    poll = select.poll()
    poll.register(client, _HUNG_UP)
    if poll.poll(seconds * 1000):
        raise ClientDisconnected(gettext_noop("The client went away."))
