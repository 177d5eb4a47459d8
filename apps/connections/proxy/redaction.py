"""Keeping a connection's secret out of an answer that repeats it: in whatever spelling, across any two pieces. Pure."""

import html
import json
import zlib
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from apps.egress import NoAnswer

_PIECE = 65_536
# Shorter ones would be found everywhere.
_SHORTEST = 4
_MASK = b"[redacted]"


def spellings(secrets: Iterable[str]) -> tuple[bytes, ...]:
    """The ways in which a service may repeat a secret: plain, in an address, in JSON, in HTML. Longest first."""
    found = set()
    for secret in secrets:
        in_json = json.dumps(secret)[1:-1]
        encoded = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
        lower = {_small_hex(text) for text in encoded}
        found |= {secret, in_json, in_json.replace("/", "\\/"), html.escape(secret), *encoded, *lower}
        found.add(json.dumps(secret, ensure_ascii=False)[1:-1])
    needles = {text.encode() for text in found if len(text) >= _SHORTEST}
    return tuple(sorted(needles, key=lambda needle: (-len(needle), needle)))


def _small_hex(text: str) -> str:
    first, *escapes = text.split("%")
    return "%".join([first, *(escape[:2].lower() + escape[2:] for escape in escapes)])


class Redactor:
    """Replaces each needle in a stream by a mask of the same length, so that lengths and ranges stay right.

    Of each piece only an end that may be the beginning of a needle is held back: events are not delayed.
    """

    def __init__(self, needles: tuple[bytes, ...]) -> None:
        self._needles = needles
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        data = self._masked(self._held + piece)
        keep = max((_overlap(data, needle) for needle in self._needles), default=0)
        cut = len(data) - keep
        self._held = data[cut:]
        return data[:cut]

    def rest(self) -> bytes:
        """What was held back, when nothing comes any more."""
        held, self._held = self._held, b""
        return held

    def text(self, value: str) -> str:
        """A header's value without the needles."""
        return self._masked(value.encode("latin-1")).decode("latin-1")

    def _masked(self, data: bytes) -> bytes:
        for needle in self._needles:
            if needle in data:
                data = data.replace(needle, (_MASK + b"*" * len(needle))[: len(needle)])
        return data


def _overlap(data: bytes, needle: bytes) -> int:
    """How many bytes at the end of `data` begin `needle`."""
    at = data.find(needle[:1], max(0, len(data) - len(needle) + 1))
    while at >= 0:
        if needle.startswith(data[at:]):
            return len(data) - at
        at = data.find(needle[:1], at + 1)
    return 0


def redacted(pieces: Iterable[bytes], redactor: Redactor) -> Iterator[bytes]:
    """The pieces without the needles."""
    for piece in pieces:
        if shown := redactor.feed(piece):
            yield shown
    if shown := redactor.rest():
        yield shown


def inflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces of a body in gzip or zlib's deflate, decoded a little at a time. Raises NoAnswer if it is neither."""
    decoder = zlib.decompressobj(47)
    try:
        for piece in pieces:
            data = piece
            while data or not decoder.eof:
                if decoder.eof:
                    decoder = zlib.decompressobj(47)
                shown = decoder.decompress(data, _PIECE)
                if shown:
                    yield shown
                data = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
                if not data and len(shown) < _PIECE:
                    break
    except zlib.error:
        raise NoAnswer("The answer cannot be decoded.") from None
    if not decoder.eof:
        raise NoAnswer("The answer ends too early.")
