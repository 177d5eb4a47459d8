"""Keeping a connection's secret out of an answer that repeats it: in whatever spelling, across any two pieces. Pure."""

import zlib
from collections.abc import Iterable, Iterator, Sequence

from apps.egress import NoAnswer
from apps.gateway.proxy.encodings import encodings_of, plain
from apps.gateway.proxy.headers import Headers

_PIECE = 65_536
_MASK = b"[redacted]"


class Redactor:
    """Replaces each secret in a stream by a mask of the same length, however it is spelled: lengths stay right.

    Of each piece only an end that may be the beginning of a secret is held back: events are not delayed.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._needles = encodings_of(secrets)
        self._without_escapes = tuple({*self._needles, *(plain(needle).text for needle in self._needles)})
        # How long a spelling may be: twelve bytes to a sign, which is more than what is escaped twice takes.
        self._reach = max([1, *map(len, self._needles), *(12 * len(secret) for secret in secrets)])
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        data = self._masked(self._held + piece)
        cut = self._begun(data)
        self._held = data[cut:]
        return data[:cut]

    def rest(self) -> bytes:
        """What was held back, when nothing comes any more."""
        held, self._held = self._held, b""
        return held

    def text(self, value: str) -> str:
        """A header's value without the secrets."""
        return self._masked(value.encode("latin-1")).decode("latin-1")

    def headers(self, given: Headers) -> Headers:
        """Headers without the secrets in their values: all looked through at once, since no line breaks in one."""
        values = self.text("\n".join(value for _, value in given)).split("\n")
        if len(values) != len(given):  # a secret of several lines seemed to stand across two of them
            values = [self.text(value) for _, value in given]
        return [(name, value) for (name, _), value in zip(given, values, strict=True)]

    def _masked(self, data: bytes) -> bytes:
        spans = list(_found(data.lower(), self._needles))
        view = plain(data)
        if view.text != data:
            spans += [(view.start(a), view.end(b)) for a, b in _found(view.text.lower(), self._without_escapes)]
        if not spans:
            return data
        masked = bytearray(data)
        for start, end in spans:
            masked[start:end] = (_MASK + b"*" * (end - start))[: end - start]
        return bytes(masked)

    def _begun(self, data: bytes) -> int:
        """Where the end of `data` begins that may be the beginning of a secret."""
        small = data[-self._reach :].lower()
        most = max((_overlap(small, needle) for needle in self._needles), default=0)
        tail = max(0, len(data) - self._reach)
        view = plain(data[tail:])
        shown = view.text.lower()
        in_plain = max((_overlap(shown, needle) for needle in self._without_escapes), default=0)
        begins = view.start(len(shown) - in_plain) if in_plain else view.cut
        return min(len(data) - most, tail + min(begins, view.cut))


def _found(small: bytes, needles: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    for needle in needles:
        at = small.find(needle)
        while at >= 0:
            yield at, at + len(needle)
            at = small.find(needle, at + len(needle))


def _overlap(data: bytes, needle: bytes) -> int:
    """How many bytes at the end of `data` begin `needle`."""
    at = data.find(needle[:1], max(0, len(data) - len(needle) + 1))
    while at >= 0:
        if needle.startswith(data[at:]):
            return len(data) - at
        at = data.find(needle[:1], at + 1)
    return 0


def redacted(pieces: Iterable[bytes], redactor: Redactor) -> Iterator[bytes]:
    """The pieces without the secrets."""
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
