"""Redacting a connection's secrets in a response that repeats them, in any encoding and across chunks. Pure."""

import zlib
from collections.abc import Iterable, Iterator, Sequence

from django.utils.translation import gettext_noop

from apps.egress import NoResponse
from apps.gateway.proxy.encodings import encodings_of, unescape
from apps.gateway.proxy.headers import Headers

_CHUNK = 65_536
_MASK = b"[redacted]"
_WORD_ENDS = tuple(bytes([end]) for end in b'\n\r\t "<>,{}[]')


class Redactor:
    """Replaces each secret in a stream by a mask of the same length, in any encoding: Content-Length stays right.

    Of each chunk the last word is held back, whether or not it may be the start of a secret: otherwise a caller whose
    own bytes are streamed back could learn a secret from the delays, one character after the other. Words end at white
    space and at punctuation of JSON and HTML, so that complete events are not delayed.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._needles = encodings_of(secrets)
        self._unescaped_needles = tuple({*self._needles, *(unescape(needle).text for needle in self._needles)})
        # The longest encoding: twelve bytes per character, which is more than escaping twice takes.
        self._reach = max([1, *map(len, self._needles), *(12 * len(secret) for secret in secrets)])
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """What can be sent on after this chunk."""
        data = self._mask(self._held + chunk)
        cut = min(self._possible_start(data), self._last_word(data))
        self._held = data[cut:]
        return data[:cut]

    def flush(self) -> bytes:
        """What was held back, at the end of the stream."""
        held, self._held = self._held, b""
        return held

    def text(self, value: str) -> str:
        """A header's value without the secrets."""
        return self._mask(value.encode("latin-1")).decode("latin-1")

    def headers(self, headers: Headers) -> Headers:
        """Headers without the secrets in their values, and without those that have one in their name.

        All values are searched in one pass, since none contains a line break.
        """
        headers = [(name, value) for name, value in headers if self.text(name) == name]
        values = self.text("\n".join(value for _, value in headers)).split("\n")
        if len(values) != len(headers):  # a secret of several lines matched across two values
            values = [self.text(value) for _, value in headers]
        return [(name, value) for (name, _), value in zip(headers, values, strict=True)]

    def _mask(self, data: bytes) -> bytes:
        spans = list(_occurrences(data.lower(), self._needles))
        view = unescape(data)
        if view.text != data:
            occurrences = _occurrences(view.text.lower(), self._unescaped_needles)
            spans += [(view.start(start), view.end(end)) for start, end in occurrences]
        if not spans:
            return data
        masked = bytearray(data)
        for start, end in spans:
            masked[start:end] = (_MASK + b"*" * (end - start))[: end - start]
        return bytes(masked)

    def _last_word(self, data: bytes) -> int:
        """The position after the last end of a word; the length of the longest encoding before the end without one."""
        tail = max(0, len(data) - self._reach)
        return max(tail, *(data.rfind(end, tail) + 1 for end in _WORD_ENDS))

    def _possible_start(self, data: bytes) -> int:
        """The position in `data` from which its end may be the start of a secret."""
        lowered = data[-self._reach :].lower()
        longest = max((_overlap(lowered, needle) for needle in self._needles), default=0)
        tail = max(0, len(data) - self._reach)
        view = unescape(data[tail:])
        unescaped = view.text.lower()
        overlap = max((_overlap(unescaped, needle) for needle in self._unescaped_needles), default=0)
        start = view.start(len(unescaped) - overlap) if overlap else view.cut
        return min(len(data) - longest, tail + min(start, view.cut))


def _occurrences(lowered: bytes, needles: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    for needle in needles:
        at = lowered.find(needle)
        while at >= 0:
            yield at, at + len(needle)
            at = lowered.find(needle, at + len(needle))


def _overlap(data: bytes, needle: bytes) -> int:
    """How many bytes at the end of `data` are the start of `needle`."""
    at = data.find(needle[:1], max(0, len(data) - len(needle) + 1))
    while at >= 0:
        if needle.startswith(data[at:]):
            return len(data) - at
        at = data.find(needle[:1], at + 1)
    return 0


def redacted(chunks: Iterable[bytes], redactor: Redactor) -> Iterator[bytes]:
    """The chunks without the secrets."""
    for chunk in chunks:
        if safe := redactor.feed(chunk):
            yield safe
    if safe := redactor.flush():
        yield safe


def decompressed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks of a gzip or deflate (zlib) body, decoded in bounded steps. Raises NoResponse if it is neither.

    An empty body is empty in every coding.
    """
    decoder, is_empty = zlib.decompressobj(47), True
    try:
        for chunk in chunks:
            data, is_empty = chunk, is_empty and not chunk
            while data or not decoder.eof:
                if decoder.eof:
                    decoder = zlib.decompressobj(47)
                decoded = decoder.decompress(data, _CHUNK)
                if decoded:
                    yield decoded
                data = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
                if not data and len(decoded) < _CHUNK:
                    break
    except zlib.error:
        raise NoResponse(gettext_noop("The response cannot be decoded.")) from None
    if not decoder.eof and not is_empty:
        raise NoResponse(gettext_noop("The response ends too early."))
