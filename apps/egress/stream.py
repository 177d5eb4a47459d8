"""A request whose body leaves, and whose answer comes, piece by piece: for calls of any size and length.

The rules of the door are those of `session()`: checked and pinned addresses, TLS by the host's name, no redirects, no
environment. Instead of one deadline there are limits for connecting, for silence, and a generous one for the whole.
"""

import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import certifi

from apps.egress.connection import Resolver, checked_addresses, open_socket, system_resolver
from apps.egress.deadline import Deadline
from apps.egress.destination import Destination, check_url
from apps.egress.errors import NoAnswer, NotSent, TimedOut
from apps.egress.head import Head, read_head, read_line
from apps.egress.pool import POOL
from apps.egress.wire import PIECE, Wire

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_INTERIM = 8
_BROKE_OFF = "The host broke off before its answer was complete."


@dataclass(frozen=True)
class Outgoing:
    """A request. `length` (bytes) belongs to a body that is an iterator; None: it is sent in chunks."""

    method: str
    url: str = field(repr=False)
    headers: Sequence[tuple[str, str]] = field(default=(), repr=False)
    body: bytes | Iterable[bytes] = field(default=b"", repr=False)
    length: int | None = None

    @property
    def may_repeat(self) -> bool:
        """Sending it twice does what sending it once does (RFC 9110 9.2.2), and there is a second time to send it."""
        return self.method in IDEMPOTENT and isinstance(self.body, bytes)


@dataclass(frozen=True)
class Patience:
    """Seconds: until connected, of silence, and for everything together."""

    connect: float = 10.0
    idle: float = 60.0
    total: float = 3600.0


class Answer:
    """Status and headers; iterating gives the body's pieces as they come, still in their content encoding.

    A body that ends too early raises NoAnswer, so that a part is never taken for the whole. `close()` when done.
    """

    def __init__(self, wire: Wire, head: Head, *, key: object, reusable: bool) -> None:
        self.status, self.headers = head.status, head.headers
        self._wire: Wire | None = wire
        self._chunked, self._length = head.is_chunked, head.length
        self._key = key if reusable and not head.ends_connection else None

    def __iter__(self) -> Iterator[bytes]:
        wire = self._wire
        if wire is None:
            return
        try:
            if self._chunked:
                yield from _chunks(wire)
            elif self._length is not None:
                yield from _measured(wire, self._length)
            else:
                yield from iter(lambda: wire.reader.read1(PIECE), b"")
        except (OSError, HTTPException, ValueError):
            self.close()
            raise NoAnswer(_BROKE_OFF) from None
        self._wire = None
        if self._key is not None:
            POOL.give(self._key, wire)
        else:
            wire.close()

    def close(self) -> None:
        """Breaks the connection off, unless the body was read to its end."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None


def stream(
    request: Outgoing,
    *,
    patience: Patience,
    partition: str = "",
    client: socket.socket | None = None,
    ca_file: str = "",
    resolve: Resolver = system_resolver,
) -> Answer:
    """Sends the request and gives the answer's head; the body is still to come.

    Connections are used again within the same `partition` only. `client` is the socket of whoever waits for the answer:
    if it hangs up, the call ends with Abandoned. `ca_file` names authorities to trust instead of the usual ones.
    Raises EgressErrors; what iterating over the request's body raises passes through.
    """
    destination = check_url(request.url)
    key = (destination, ca_file, partition)
    wire = POOL.take(key)
    if wire is not None:
        try:
            return _exchange(wire, request, patience, client, key)
        except TimedOut:
            raise
        except NoAnswer:
            # The host may have closed it in the moment in which we wrote; it says nothing then.
            if wire.received or not request.may_repeat:
                raise
    wire = _connected(destination, patience, ca_file or certifi.where(), resolve)
    return _exchange(wire, request, patience, client, key)


def _connected(destination: Destination, patience: Patience, ca_file: str, resolve: Resolver) -> Wire:
    deadline = Deadline(patience.connect)
    try:
        addresses = checked_addresses(destination, resolve, deadline.left())
        return Wire(open_socket(destination, addresses, ca_file, deadline))
    finally:
        deadline.close()


def _exchange(wire: Wire, request: Outgoing, patience: Patience, client: socket.socket | None, key: object) -> Answer:
    try:
        wire.begin(idle=patience.idle, total=patience.total, client=client)
        all_sent = _sent(wire, request)
        head = _head(wire, request.method)
    except UnicodeError:
        wire.close()
        raise NotSent("The request holds characters that cannot be sent.") from None
    except (OSError, HTTPException, ValueError):
        wire.close()
        raise NoAnswer(_BROKE_OFF) from None
    except BaseException:
        wire.close()
        raise
    # A host that expects no body there may take it for the next request: nothing else is asked on that connection.
    odd = bool(request.body) and request.method not in _WITH_BODY
    return Answer(wire, head, key=key, reusable=all_sent and not odd)


def _sent(wire: Wire, request: Outgoing) -> bool:
    """Whether the host took all of it. One that breaks off may have said why before."""
    try:
        _send_head(wire, request)
        body = request.body
        if isinstance(body, bytes):
            return wire.send(body)
        if request.length is None:
            framed = (b"%x\r\n%b\r\n" % (len(piece), piece) for piece in body if piece)
            return all(wire.send(piece) for piece in framed) and wire.send(b"0\r\n\r\n")
        return all(wire.send(piece) for piece in body)
    except (BrokenPipeError, ConnectionResetError):
        return False


def _send_head(wire: Wire, request: Outgoing) -> None:
    parts = urlsplit(request.url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    head = HTTPConnection(parts.hostname or "")
    head.auto_open = 0
    head.sock = wire  # all that it calls of a socket is there
    head.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
    head.putheader("Host", parts.netloc)
    for name, value in request.headers:
        if name.lower() not in _FRAMING:
            head.putheader(name, value.encode("latin-1"))
    if isinstance(request.body, bytes):
        if request.body or request.method in _WITH_BODY:
            head.putheader("Content-Length", str(len(request.body)))
    elif request.length is None:
        head.putheader("Transfer-Encoding", "chunked")
    else:
        head.putheader("Content-Length", str(request.length))
    head.endheaders()


def _head(wire: Wire, method: str) -> Head:
    """The head of the final answer; interim ones (RFC 9110 15.2) are read over."""
    wire.expect_head()
    for _ in range(_INTERIM):
        head = read_head(wire.reader, method=method)
        if head.status >= 200:
            wire.head_is_over()
            return head
        if head.status == 101:
            break
    raise ValueError("No final answer.")


def _measured(wire: Wire, left: int) -> Iterator[bytes]:
    while left:
        piece = wire.reader.read1(min(left, PIECE))
        if not piece:
            raise ValueError("The body is shorter than its length says.")
        left -= len(piece)
        yield piece


def _chunks(wire: Wire) -> Iterator[bytes]:
    """RFC 9112 7.1. Extensions and trailers are read over."""
    while size := int(read_line(wire.reader).partition(b";")[0].strip(), 16):
        if size < 0:
            raise ValueError("A chunk has no such length.")
        yield from _measured(wire, size)
        if read_line(wire.reader):
            raise ValueError("A chunk is longer than its length says.")
    for _ in range(100):
        if not read_line(wire.reader):
            return
    raise ValueError("There are too many trailers.")
