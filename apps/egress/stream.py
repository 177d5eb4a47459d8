"""The HTTP client: sends one request, and gives the response's head while the body is still to come.

Both bodies pass in chunks, so they may be of any size and last any time. Limits apply to connecting, to each wait and
to the whole. `adapter.py` reads such a response to its end, for callers that use `requests`.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import certifi

from apps.egress.addresses import Resolver, checked_addresses, system_resolver
from apps.egress.connection import CHUNK_SIZE, ClientSocket, Connection, open_connection
from apps.egress.destination import check_url
from apps.egress.errors import EgressError, NoResponse, NotSent, TimedOut
from apps.egress.http1 import Head, chunked, read_chunked, read_head, read_measured, request_head
from apps.egress.pool import POOL
from apps.errors import gettext_noop

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_MAX_INTERIM = 8
_BROKE_OFF = gettext_noop("The host broke off before its response was complete.")


@dataclass(frozen=True)
class Request:
    """A request. `length` (bytes) belongs to a body that is an iterator; None: it is sent in chunks."""

    method: str
    url: str = field(repr=False)
    headers: Sequence[tuple[str, str]] = field(default=(), repr=False)
    body: bytes | Iterable[bytes] = field(default=b"", repr=False)
    length: int | None = None

    @property
    def may_repeat(self) -> bool:
        """Sending it twice does what sending it once does (RFC 9110 9.2.2), and the body can be sent again."""
        return self.method in IDEMPOTENT and isinstance(self.body, bytes)


@dataclass(frozen=True)
class Timeouts:
    """Seconds: until connected, for each wait, and for everything together from the call on."""

    connect: float = 10.0
    idle: float = 60.0
    total: float = 3600.0


class Response:
    """Status and headers; iterating gives the body's chunks as they come, still in their content encoding.

    A body that ends too early raises NoResponse, so that a part is never taken for the whole. `close()` when done.
    """

    def __init__(self, connection: Connection, head: Head, *, pool_key: object) -> None:
        self.status, self.headers = head.status, head.headers
        self._connection: Connection | None = connection
        self._chunked, self._length = head.is_chunked, head.length
        self._pool_key = None if head.ends_connection else pool_key
        self._peeked: list[bytes] = []
        self._rest = self._read()
        self._failure: EgressError | None = None

    def __iter__(self) -> Iterator[bytes]:
        while self._peeked:
            yield self._peeked.pop(0)
        if self._failure is not None:
            raise self._failure
        yield from self._rest

    def peek(self, size: int) -> bytes:
        """The body up to its end or at least `size` bytes of it; iterating still gives the whole body.

        If it ends too early, iterating raises the error after what has arrived.
        """
        try:
            while sum(map(len, self._peeked)) < size:
                chunk = next(self._rest, None)
                if chunk is None:
                    break
                self._peeked.append(chunk)
        except EgressError as error:
            self._failure = error
        return b"".join(self._peeked)

    def _read(self) -> Iterator[bytes]:
        connection = self._connection
        if connection is None:
            return
        try:
            if self._chunked:
                yield from read_chunked(connection.reader)
            elif self._length is not None:
                yield from read_measured(connection.reader, self._length)
            else:
                yield from iter(lambda: connection.reader.read1(CHUNK_SIZE), b"")
        except (OSError, ValueError):
            self.close()
            raise NoResponse(_BROKE_OFF) from None
        self._connection = None
        if self._pool_key is not None:
            POOL.give(self._pool_key, connection)
        else:
            connection.close()

    def close(self) -> None:
        """Closes the connection, unless the body was read to its end."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


_before_requests: Callable[[], None] | None = None


def call_before_requests(action: Callable[[], None]) -> None:
    """Sets what the thread does before each request, since it may wait long. Called once, when the program starts."""
    global _before_requests
    _before_requests = action


def stream(
    request: Request,
    *,
    timeouts: Timeouts,
    partition: str | None = None,
    client: ClientSocket | None = None,
    ca_file: str = "",
    resolve: Resolver = system_resolver,
) -> Response:
    """Sends the request and gives the response's head; the body is still to come.

    Connections are reused within the same `partition` only; without one, the request gets a connection of its own.
    `client` is the socket of the client that the response is for: if it hangs up, the call ends with
    ClientDisconnected. `ca_file` names certificate authorities to trust instead of the usual ones. Raises EgressErrors;
    what iterating over the request's body raises passes through.
    """
    if _before_requests is not None:
        _before_requests()
    end = time.monotonic() + timeouts.total
    destination = check_url(request.url)
    pool_key = None if partition is None else (destination, ca_file, partition)
    connection = POOL.take(pool_key) if pool_key else None
    if connection is not None:
        try:
            return _exchange(connection, request, timeouts.idle, end, client, pool_key)
        except TimedOut:
            raise
        except NoResponse:
            # The host may have closed it at the moment at which we wrote; then it says nothing.
            if connection.received or not request.may_repeat:
                raise
    connect_end = min(end, time.monotonic() + timeouts.connect)
    addresses = checked_addresses(destination, resolve, connect_end - time.monotonic())
    connection = open_connection(
        destination, addresses, ca_file=ca_file or certifi.where(), end=connect_end, client=client
    )
    return _exchange(connection, request, timeouts.idle, end, client, pool_key)


def _exchange(
    connection: Connection,
    request: Request,
    idle: float,
    end: float,
    client: ClientSocket | None,
    pool_key: object,
) -> Response:
    try:
        head = _request_head(request, keep_alive=pool_key is not None)
    except ValueError:
        # `from None`, here and below: texts of these exceptions quote what was sent or received.
        connection.close()
        raise NotSent(gettext_noop("The request holds characters that cannot be sent.")) from None
    try:
        connection.begin(idle=idle, end=end, client=client)
        all_sent = _sent(connection, head, request)
        response_head = _read_final_head(connection, request.method)
    except (OSError, ValueError):
        connection.close()
        raise NoResponse(_BROKE_OFF) from None
    except BaseException:
        connection.close()
        raise
    # A host that expects no body there may take it for the next request: the connection is not used for another one.
    unexpected_body = bool(request.body) and request.method not in _WITH_BODY
    return Response(connection, response_head, pool_key=pool_key if all_sent and not unexpected_body else None)


def _request_head(request: Request, *, keep_alive: bool) -> bytes:
    framing = [] if keep_alive else [("Connection", "close")]
    if isinstance(request.body, bytes):
        if request.body or request.method in _WITH_BODY:
            framing.append(("Content-Length", str(len(request.body))))
    elif request.length is None:
        framing.append(("Transfer-Encoding", "chunked"))
    else:
        framing.append(("Content-Length", str(request.length)))
    return request_head(request.method, request.url, request.headers, framing)


def _sent(connection: Connection, head: bytes, request: Request) -> bool:
    """Whether the host took all of it. One that breaks off may have said why before."""
    body = request.body
    try:
        if isinstance(body, bytes):
            return connection.send(head + body)
        chunks = chunked(body) if request.length is None else iter(body)
        return connection.send(head) and all(connection.send(chunk) for chunk in chunks)
    except (BrokenPipeError, ConnectionResetError):
        return False


def _read_final_head(connection: Connection, method: str) -> Head:
    """The head of the final response; interim ones (RFC 9110 15.2) are skipped."""
    connection.expect_head()
    for _ in range(_MAX_INTERIM):
        head = read_head(connection.reader, method=method)
        if head.status >= 200:
            connection.head_is_over()
            return head
        if head.status == 101:
            break
    raise ValueError("No final response.")
