"""The ways in which an answer may spell a secret: as it is, escaped sign by sign, in Base64 or in hex. Pure."""

import html
import json
import re
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from html.entities import name2codepoint
from urllib.parse import quote, quote_plus

# Shorter ones would be found everywhere.
_SHORTEST = 4
_SHORTEST_ENCODED = 8
# Escapes of addresses, of JSON and scripts, and of HTML; each may have been escaped again on the way. Names are small
# letters only: those of ASCII signs.
_ESCAPE = re.compile(
    rb"%(?:25){0,3}([0-9a-fA-F]{2})"
    rb"|\\{1,8}(?:[uU]([0-9a-fA-F]{4})|[xX]([0-9a-fA-F]{2})|(?=[+./=~-]))"
    rb"|&(?:amp;){0,3}(?:\#0{0,6}([0-9]{1,7})|\#[xX]0{0,6}([0-9a-fA-F]{1,6})|([a-z]{2,6}));?"
)
_ESCAPES_BEGIN = (b"%", b"\\", b"&")
# One that the end of a piece may have cut in two.
_CUT = re.compile(rb"(?:%[0-9a-fA-F]{0,8}|\\{1,8}(?:[uU][0-9a-fA-F]{0,3}|[xX][0-9a-fA-F]?)?|&[#\w;]{0,20})\Z")
_LONGEST_CUT = 32


def encodings_of(secrets: Iterable[str]) -> tuple[bytes, ...]:
    """What to look for, in small letters, longest first: each secret, as text in other encodings and formats, its
    Base64 at whatever place among other bytes, and its hex."""
    plain = [secret for secret in secrets if len(secret) >= _SHORTEST]
    found = {each.lower() for secret in plain for each in _as_text(secret)}
    whole = {each.encode() for secret in plain for each in (secret, json.dumps(secret)[1:-1])}
    found |= {each.lower() for secret in whole for each in _encoded(secret) if len(each) >= _SHORTEST_ENCODED}
    return tuple(sorted(found, key=lambda text: (-len(text), text)))


def _as_text(secret: str) -> Iterable[bytes]:
    in_json, in_address = json.dumps(secret)[1:-1], quote(secret, safe="")
    yield from (secret.encode(), html.escape(secret).encode())
    # Once and twice: what looks like an escape in the secret itself would otherwise be undone too often.
    yield from (in_json.encode(), json.dumps(in_json)[1:-1].encode(), in_json.replace("/", "\\/").encode())
    yield json.dumps(secret, ensure_ascii=False)[1:-1].encode()
    yield from (in_address.encode(), quote(in_address, safe="").encode(), quote_plus(secret).encode())
    yield secret.encode("latin-1", errors="replace")
    # In either order of bytes, since what stands before and after is not looked at.
    yield secret.encode("utf-16-le").strip(b"\0")
    yield secret.encode("utf-32-le").strip(b"\0")


def _encoded(secret: bytes) -> Iterable[bytes]:
    """Hex, and RFC 4648 4 and 5 without the signs at both ends that depend on what stands beside the secret."""
    yield secret.hex().encode()
    for before in range(3):
        encoded = b64encode(b"\0" * before + secret)
        inner = encoded[(0, 2, 3)[before] : (before + len(secret)) // 3 * 4]
        yield inner
        yield inner.replace(b"+", b"-").replace(b"/", b"_")


@dataclass
class Plain:
    """Bytes without their escapes, and where each place stood among them. `cut`: where an escape begins that may go on
    after the end."""

    text: bytes
    cut: int
    _at: list[int] = field(default_factory=list)
    _places: list[tuple[int, int, int]] = field(default_factory=list)

    def start(self, at: int) -> int:
        """Where in the escaped bytes this one begins."""
        here = bisect_right(self._at, at) - 1
        if here < 0:
            return at
        end, escape, after = self._places[here]
        return escape if at < end else after + at - end

    def end(self, at: int) -> int:
        """Where in the escaped bytes the one before this ends."""
        here = bisect_right(self._at, at - 1) - 1
        if here < 0:
            return at
        end, _, after = self._places[here]
        return after if at - 1 < end else after + at - end


def plain(data: bytes) -> Plain:
    """The bytes with each escape replaced by what it stands for."""
    if not any(sign in data for sign in _ESCAPES_BEGIN):
        return Plain(data, len(data))
    cut = _CUT.search(data, max(0, len(data) - _LONGEST_CUT))
    until = cut.start() if cut else len(data)
    parts, at, places, length, done = [], [], [], 0, 0
    for found in _ESCAPE.finditer(data, 0, until):
        stands_for = _meaning(found)
        if stands_for is None:
            continue
        before = data[done : found.start()]
        length += len(before)
        at.append(length)
        length += len(stands_for)
        places.append((length, found.start(), found.end()))
        parts += [before, stands_for]
        done = found.end()
    return Plain(b"".join([*parts, data[done:until]]), until, at, places)


def _meaning(found: re.Match[bytes]) -> bytes | None:
    """What an escape stands for; None if it is none."""
    number = found.lastindex
    if number is None:
        return b""
    value = found[number]
    if number == 1:
        return bytes([int(value, 16)])
    code = name2codepoint.get(value.decode()) if number == 6 else int(value, 10 if number == 4 else 16)
    if code is None or code > 0x10FFFF or 0xD800 <= code < 0xE000:
        return None
    return chr(code).encode()
