"""The head of an answer, and how its body is framed (RFC 9112 4 to 6).

Read here, and not by http.client: that hands headers to the parser of e-mail, which ends lines also at signs that HTTP
knows no line end in (so one header becomes two), takes an invalid line for the end of the head, and is slow.
"""

import io
import re
from dataclasses import dataclass, field

_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9])[ \t]+([1-9][0-9]{2})(?:[ \t]|$)")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LONGEST_LINE = 65_536
_MOST_LINES = 200


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
        raise ValueError("This is no answer of HTTP/1.")
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
    # Who says both may have been understood otherwise by somebody on the way (6.1).
    ends = ends or bool(codings and lengths) or (length is None and not is_chunked)
    return Head(status, headers, length, is_chunked, ends)


def _headers(reader: io.BufferedIOBase) -> list[tuple[str, str]]:
    headers: list[tuple[str, str]] = []
    for _ in range(_MOST_LINES):
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
        if colon and _NAME.fullmatch(raw):  # other lines are no headers, and dropped
            headers.append((raw.decode("ascii"), value_of.strip(b" \t").decode("latin-1")))
    raise ValueError("There are too many headers.")


def read_line(reader: io.BufferedIOBase) -> bytes:
    """The next line without its end, which may be a bare line feed (2.2). Raises ValueError where it has none."""
    line = reader.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise ValueError("A line does not end.")
    return line[:-2] if line.endswith(b"\r\n") else line[:-1]


def _values(headers: list[tuple[str, str]], name: str) -> list[str]:
    """The members of a list's headers (RFC 9110 5.6.1), in small letters."""
    whole = ",".join(value for given, value in headers if given.lower() == name)
    return [member for each in whole.lower().split(",") if (member := each.strip(" \t"))] if whole else []


def _length(lengths: set[str]) -> int | None:
    if not lengths:
        return None
    (length, *others) = lengths
    if others or not (length.isascii() and length.isdigit()):
        raise ValueError("The lengths of the body cannot be understood.")
    return int(length)
