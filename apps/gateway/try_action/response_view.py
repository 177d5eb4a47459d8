"""A service's answer as a person reads it: JSON indented, text as it is, of anything else the number of bytes. Pure."""

import json
import re
from dataclasses import dataclass

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

SHOWN = 262_144
_LONGEST_COLOURED = 32_768
_DEEPEST = 40
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_READABLE = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii"})
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Shown:
    """`kind` is json, text, binary or empty; `html` is safe to put on a page; `size` is what was read (bytes)."""

    kind: str
    html: SafeString
    size: int


def shown(content: bytes, content_type: str) -> Shown:
    """The body, or as much of it as was read."""
    if not content:
        return Shown("empty", SafeString(""), 0)
    text = _decoded(content, content_type)
    if text is None:
        return Shown("binary", SafeString(""), len(content))
    if _is_json(text):
        return Shown("json", indented(text), len(content))
    return Shown("text", escape(text), len(content))


def _decoded(content: bytes, content_type: str) -> str | None:
    """Text in UTF-8 only: in another encoding, the connection's secret would not have been found in it."""
    named = _CHARSET.search(content_type)
    if named and named.group(1).lower() not in _READABLE:
        return None
    try:
        text = content.decode()
    except UnicodeDecodeError as wrong:
        # A character that is cut in two at the end is no sign of anything.
        if wrong.start < len(content) - 4 or wrong.reason != "unexpected end of data":
            return None
        text = content[: wrong.start].decode()
    return None if "\x00" in text else text


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def indented(text: str) -> SafeString:
    """Valid JSON on lines of its own, each number and string as the service wrote it, coloured unless it is long."""
    color = _coloured if len(text) <= _LONGEST_COLOURED else lambda token, is_key: escape(token)
    tokens = [match.group() for match in _TOKEN.finditer(text)]
    parts: list[str] = []
    depth = 0
    for at, token in enumerate(tokens):
        following = tokens[at + 1] if at + 1 < len(tokens) else ""
        if token in "{[":
            depth += 1
            parts.append(token if following in ("}", "]") else token + _break(depth))
        elif token in "}]":
            depth -= 1
            is_empty = tokens[at - 1] in ("{", "[")
            parts.append(token if is_empty else _break(depth) + token)
        elif token == ",":
            parts.append("," + _break(depth))
        elif token == ":":
            parts.append(": ")
        else:
            parts.append(color(token, following == ":"))
    return mark_safe("".join(parts))  # noqa: S308 - each token is escaped or one of six signs


def _break(depth: int) -> str:
    return "\n" + "  " * min(depth, _DEEPEST)


def _coloured(token: str, is_key: bool) -> str:
    sign = "k" if is_key else "s" if token.startswith('"') else "n"
    return f'<span class="{sign}">{escape(token)}</span>'
