"""The encodings in which a response may repeat a secret: plain, escaped, in Base64 or in hex. Pure."""

import html
import json
import re
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from html.entities import name2codepoint
from urllib.parse import quote, quote_plus

# Characters. Shorter secrets would match everywhere.
_MIN_LENGTH = 4
_MIN_ENCODED_LENGTH = 8
# Escapes of URLs, of JSON and JavaScript, and of HTML, each possibly escaped again. Names of entities are lower case:
# those of ASCII characters.
_ESCAPE = re.compile(
    rb"%(?:25){0,3}([0-9a-fA-F]{2})"
    rb"|\\{1,8}(?:[uU]([0-9a-fA-F]{4})|[xX]([0-9a-fA-F]{2})|(?=[+./=~-]))"
    rb"|&(?:amp;){0,3}(?:\#0{0,6}([0-9]{1,7})|\#[xX]0{0,6}([0-9a-fA-F]{1,6})|([a-z]{2,6}));?"
)
_ESCAPE_STARTS = (b"%", b"\\", b"&")
# An escape that may continue in the next chunk.
_UNFINISHED = re.compile(rb"(?:%[0-9a-fA-F]{0,8}|\\{1,8}(?:[uU][0-9a-fA-F]{0,3}|[xX][0-9a-fA-F]?)?|&[#\w;]{0,20})\Z")
_MAX_UNFINISHED = 32


def encodings_of(secrets: Iterable[str]) -> tuple[bytes, ...]:
    """What to search for, in lower case, longest first: each secret as text in other encodings and formats, its Base64
    at any offset among other bytes, and its hex."""
    long_enough = [secret for secret in secrets if len(secret) >= _MIN_LENGTH]
    encodings = {each.lower() for secret in long_enough for each in _as_text(secret)}
    raw = {each.encode() for secret in long_enough for each in (secret, json.dumps(secret)[1:-1])}
    encodings |= {each.lower() for secret in raw for each in _encoded(secret) if len(each) >= _MIN_ENCODED_LENGTH}
    return tuple(sorted(encodings, key=lambda text: (-len(text), text)))


def _as_text(secret: str) -> Iterable[bytes]:
    in_json, in_url = json.dumps(secret)[1:-1], quote(secret, safe="")
    yield from (secret.encode(), html.escape(secret).encode())
    # Once and twice: an escape in the secret itself would otherwise be decoded too often.
    yield from (in_json.encode(), json.dumps(in_json)[1:-1].encode(), in_json.replace("/", "\\/").encode())
    yield json.dumps(secret, ensure_ascii=False)[1:-1].encode()
    yield from (in_url.encode(), quote(in_url, safe="").encode(), quote_plus(secret).encode())
    yield secret.encode("latin-1", errors="replace")
    # Matches both byte orders, since the bytes around it are not compared.
    yield secret.encode("utf-16-le").strip(b"\0")
    yield secret.encode("utf-32-le").strip(b"\0")


def _encoded(secret: bytes) -> Iterable[bytes]:
    """Hex, and Base64 (RFC 4648 4 and 5) without the characters at both ends that depend on the surrounding bytes."""
    yield secret.hex().encode()
    for before in range(3):
        encoded = b64encode(b"\0" * before + secret)
        inner = encoded[(0, 2, 3)[before] : (before + len(secret)) // 3 * 4]
        yield inner
        yield inner.replace(b"+", b"-").replace(b"/", b"_")


@dataclass
class Unescaped:
    """Decoded bytes, with a map back to the positions in the escaped ones.

    `cut` is the position of an escape that may continue after the end; without one, the length.
    """

    text: bytes
    cut: int
    _starts: list[int] = field(default_factory=list)
    # For each escape: the end of its decoded bytes, its own start and end.
    _escapes: list[tuple[int, int, int]] = field(default_factory=list)

    def start(self, position: int) -> int:
        """The start, in the escaped bytes, of the byte at `position`."""
        index = bisect_right(self._starts, position) - 1
        if index < 0:
            return position
        decoded_end, escape_start, escape_end = self._escapes[index]
        return escape_start if position < decoded_end else escape_end + position - decoded_end

    def end(self, position: int) -> int:
        """The end, in the escaped bytes, of the byte before `position`."""
        index = bisect_right(self._starts, position - 1) - 1
        if index < 0:
            return position
        decoded_end, _, escape_end = self._escapes[index]
        return escape_end if position - 1 < decoded_end else escape_end + position - decoded_end


def unescape(data: bytes) -> Unescaped:
    """The bytes with each escape decoded."""
    if not any(character in data for character in _ESCAPE_STARTS):
        return Unescaped(data, len(data))
    unfinished = _UNFINISHED.search(data, max(0, len(data) - _MAX_UNFINISHED))
    until = unfinished.start() if unfinished else len(data)
    parts, starts, escapes, length, done = [], [], [], 0, 0
    for match in _ESCAPE.finditer(data, 0, until):
        decoded = _decoded(match)
        if decoded is None:
            continue
        before = data[done : match.start()]
        length += len(before)
        starts.append(length)
        length += len(decoded)
        escapes.append((length, match.start(), match.end()))
        parts += [before, decoded]
        done = match.end()
    return Unescaped(b"".join([*parts, data[done:until]]), until, starts, escapes)


def _decoded(escape: re.Match[bytes]) -> bytes | None:
    """The bytes that an escape represents; None if it is not a valid one."""
    number = escape.lastindex
    if number is None:
        return b""
    value = escape[number]
    if number == 1:
        return bytes([int(value, 16)])
    code = name2codepoint.get(value.decode()) if number == 6 else int(value, 10 if number == 4 else 16)
    if code is None or code > 0x10FFFF or 0xD800 <= code < 0xE000:
        return None
    return chr(code).encode()
