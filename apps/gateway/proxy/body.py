"""The caller's body: buffered while it is small, so that it can be sent again; streamed when it is not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_noop

from apps.connections.errors import BodyTooLarge
from apps.egress import ClientDisconnected

MAX_BUFFERED = 1_048_576
# A chunked body does not say how long it is, and buffering a megabyte of a slow one would delay it.
_MAX_BUFFERED_CHUNKED = 65_536
_CHUNK = 65_536


@dataclass(frozen=True)
class Body:
    """`content` is bytes, or an iterator that can be read once, whose `length` (bytes) may be unknown."""

    content: bytes | Iterator[bytes] = field(default=b"", repr=False)
    length: int | None = None

    @property
    def is_buffered(self) -> bool:
        return isinstance(self.content, bytes)

    def buffered(self) -> bytes:
        """The whole body. Raises BodyTooLarge if it is streamed."""
        if not isinstance(self.content, bytes):
            raise BodyTooLarge(
                gettext_noop(
                    "This service requires signed forms, which may have at most %(max_buffered)s bytes and need "
                    "a Content-Length."
                )
                % {"max_buffered": MAX_BUFFERED}
            )
        return self.content


def read_body(environ: Mapping[str, Any]) -> Body:
    """The body of a WSGI request. Raises ClientDisconnected if the client disconnects while it is buffered."""
    if "chunked" in str(environ.get("HTTP_TRANSFER_ENCODING", "")).lower():
        return _chunked_body(_chunks(environ["wsgi.input"]))
    length = int(environ.get("CONTENT_LENGTH") or 0)
    chunks = _chunks_of_length(environ["wsgi.input"], length)
    return Body(b"".join(chunks)) if length <= MAX_BUFFERED else Body(chunks, length)


def _chunked_body(chunks: Iterator[bytes]) -> Body:
    start = b""
    for chunk in chunks:
        start += chunk
        if len(start) >= _MAX_BUFFERED_CHUNKED:
            return Body(_chain(start, chunks))
    return Body(start)


def _chain(start: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield start
    yield from rest


def _chunks(stream: Any) -> Iterator[bytes]:
    while chunk := _read(stream, _CHUNK):
        yield chunk


def _chunks_of_length(stream: Any, remaining: int) -> Iterator[bytes]:
    while remaining:
        chunk = _read(stream, min(remaining, _CHUNK))
        if not chunk:
            raise ClientDisconnected(gettext_noop("The client disconnected."))
        remaining -= len(chunk)
        yield chunk


def _read(stream: Any, size: int) -> bytes:
    try:
        chunk: bytes = stream.read(size)
    except Exception:  # each WSGI server raises exceptions of its own when the client disconnects
        raise ClientDisconnected(gettext_noop("The client disconnected.")) from None
    return chunk
