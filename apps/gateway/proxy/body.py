"""The caller's body: kept where it is small, so that it can be sent again; passed on piece by piece where it is not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.connections.errors import BodyTooLarge
from apps.egress import Abandoned

KEPT = 1_048_576
# Chunks tell no length, and waiting for a megabyte of a slow stream would hold it up.
_KEPT_OF_CHUNKS = 65_536
_PIECE = 65_536


@dataclass(frozen=True)
class Body:
    """Bytes, or an iterator that can be read once; its length (bytes) if it is known."""

    content: bytes | Iterator[bytes] = field(default=b"", repr=False)
    length: int | None = None

    @property
    def is_kept(self) -> bool:
        return isinstance(self.content, bytes)

    def whole(self) -> bytes:
        """All of it. Raises BodyTooLarge."""
        if not isinstance(self.content, bytes):
            raise BodyTooLarge(
                f"This service wants forms signed, so they can have {KEPT} bytes at most, sent with their length."
            )
        return self.content


def incoming(environ: Mapping[str, Any]) -> Body:
    """The body of a WSGI request, straight from the server. Raises Abandoned if the client breaks off."""
    if "chunked" in str(environ.get("HTTP_TRANSFER_ENCODING", "")).lower():
        pieces = _pieces(environ["wsgi.input"])
        first = b""
        for piece in pieces:
            first += piece
            if len(first) >= _KEPT_OF_CHUNKS:
                return Body(_chain(first, pieces))
        return Body(first)
    length = int(environ.get("CONTENT_LENGTH") or 0)
    measured = _measured(environ["wsgi.input"], length)
    return Body(b"".join(measured)) if length <= KEPT else Body(measured, length)


def _chain(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from pieces


def _pieces(stream: Any) -> Iterator[bytes]:
    while piece := _read(stream, _PIECE):
        yield piece


def _measured(stream: Any, left: int) -> Iterator[bytes]:
    while left:
        piece = _read(stream, min(left, _PIECE))
        if not piece:
            raise Abandoned("The client broke off.")
        left -= len(piece)
        yield piece


def _read(stream: Any, size: int) -> bytes:
    try:
        piece: bytes = stream.read(size)
    except Exception:  # each server has exceptions of its own for a client that breaks off
        raise Abandoned("The client broke off.") from None
    return piece
