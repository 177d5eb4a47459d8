"""Messages of HTTP/1.1: the head of a request, the head of a response, and how bodies are framed (RFC 9112).

Response heads are not read by http.client: it hands headers to the parser of e-mail, which ends lines also at
characters that are no line end in HTTP (so one header becomes two), takes an invalid line for the end of the head,
and is slow.
"""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from apps.egress.connection import CHUNK_SIZE

Headers = Sequence[tuple[str, str]]

_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9])[ \t]+([1-9][0-9]{2})(?:[ \t]|$)")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(rb"[\x21-\x7e]+")
_CHUNK_LENGTH = re.compile(rb"[0-9A-Fa-f]{1,16}")
_MAX_LINE = 65_536
_MAX_HEADERS = 200
_MAX_TRAILERS = 100
# The connection writes these itself.
_FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection"})


def request_head(method: str, url: str, headers: Iterable[tuple[str, str]], framing: Headers) -> bytes:
    """The head of a request; `framing` are the headers that say where its body and the connection end.

    Raises ValueError (UnicodeError is one) for what cannot be sent: it could end a header, or the head.
    """
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    start, path = method.encode("ascii"), target.encode("ascii")
    if not _TOKEN.fullmatch(start) or not _TARGET.fullmatch(path):
        raise ValueError("The method or the URL holds characters that cannot be sent.")
    lines = [start + b" " + path + b" HTTP/1.1"]
    own = [(name, value) for name, value in headers if name.lower() not in _FRAMING]
    for name, value in [("Host", parts.netloc), *own, *framing]:
        line_name, line_value = name.encode("ascii"), value.encode("latin-1")
        if not _TOKEN.fullmatch(line_name) or any(character in line_value for character in b"\r\n\0"):
            raise ValueError("A header holds characters that cannot be sent.")
        lines.append(line_name + b": " + line_value)
    return b"\r\n".join([*lines, b"", b""])


@dataclass(frozen=True)
class Head:
    """`length` (bytes) of the body; None: it comes in chunks where `is_chunked`, else it ends with the connection."""

    status: int
    headers: list[tuple[str, str]] = field(repr=False)
    length: int | None
    is_chunked: bool
    ends_connection: bool


def read_head(reader: io.BufferedIOBase, *, method: str) -> Head:
    """The next head. Raises ValueError for what is none, and for lengths that contradict each other (6.3)."""
    line = read_line(reader)
    found = _STATUS_LINE.match(line)
    if found is None:
        raise ValueError("This is no response of HTTP/1.")
    status = int(found[2])
    headers = _headers(reader)
    codings, lengths = _values(headers, "transfer-encoding"), set(_values(headers, "content-length"))
    options = _values(headers, "connection")
    has_body = method != "HEAD" and status >= 200 and status not in (204, 304)
    length = _length(lengths) if not codings else None
    is_chunked = has_body and codings == ["chunked"]
    if not has_body:
        length = 0
    ends = "close" in options or (found[1] == b"0" and "keep-alive" not in options)
    # A response with both may have been understood otherwise by an intermediary (6.1).
    ends = ends or bool(codings and lengths) or (length is None and not is_chunked)
    return Head(status, headers, length, is_chunked, ends)


def _headers(reader: io.BufferedIOBase) -> list[tuple[str, str]]:
    headers: list[tuple[str, str]] = []
    for _ in range(_MAX_HEADERS):
        line = read_line(reader)
        if not line:
            return headers
        if line[:1] in b" \t":  # a folded line belongs to the one before (5.2)
            if headers:
                name, value = headers[-1]
                headers[-1] = (name, f"{value} {line.strip().decode('latin-1')}".strip())
            continue
        raw, colon, value_of = line.partition(b":")
        raw = raw.rstrip(b" \t")
        if colon and _TOKEN.fullmatch(raw):  # other lines are no headers, and dropped
            headers.append((raw.decode("ascii"), value_of.strip(b" \t").decode("latin-1")))
    raise ValueError("There are too many headers.")


def read_line(reader: io.BufferedIOBase) -> bytes:
    """The next line without its end, which may be a bare line feed (2.2). Raises ValueError where it has none."""
    line = reader.readline(_MAX_LINE)
    if not line.endswith(b"\n"):
        raise ValueError("A line does not end.")
    return line[:-2] if line.endswith(b"\r\n") else line[:-1]


def _values(headers: list[tuple[str, str]], name: str) -> list[str]:
    """The members of a header that is a list (RFC 9110 5.6.1), in lower case."""
    whole = ",".join(value for given, value in headers if given.lower() == name)
    return [member for each in whole.lower().split(",") if (member := each.strip(" \t"))] if whole else []


def _length(lengths: set[str]) -> int | None:
    if not lengths:
        return None
    (length, *others) = lengths
    if others or not (length.isascii() and length.isdigit()):
        raise ValueError("The lengths of the body cannot be understood.")
    return int(length)


def read_measured(reader: io.BufferedIOBase, left: int) -> Iterator[bytes]:
    """A body of `left` bytes, as it comes. Raises ValueError if it is shorter."""
    while left:
        chunk = reader.read1(min(left, CHUNK_SIZE))
        if not chunk:
            raise ValueError("The body is shorter than its length says.")
        left -= len(chunk)
        yield chunk


def read_chunked(reader: io.BufferedIOBase) -> Iterator[bytes]:
    """A chunked body (7.1), as it comes. Extensions and trailers are ignored. Raises ValueError."""
    while size := _chunk_length(read_line(reader)):
        yield from read_measured(reader, size)
        if read_line(reader):
            raise ValueError("A chunk is longer than its length says.")
    for _ in range(_MAX_TRAILERS):
        if not read_line(reader):
            return
    raise ValueError("There are too many trailers.")


def _chunk_length(line: bytes) -> int:
    """Hexadecimal digits and nothing else: what int() understands beyond them, an intermediary may not."""
    digits = line.partition(b";")[0].strip(b" \t")
    if not _CHUNK_LENGTH.fullmatch(digits):
        raise ValueError("A chunk has no such length.")
    return int(digits, 16)


def chunked(body: Iterable[bytes]) -> Iterator[bytes]:
    """A body of unknown length as chunks (7.1)."""
    for chunk in body:
        if chunk:
            yield b"%x\r\n%b\r\n" % (len(chunk), chunk)
    yield b"0\r\n\r\n"
