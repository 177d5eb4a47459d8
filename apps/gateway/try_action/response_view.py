"""Displaying a service's response: JSON indented, text unchanged, of other content the size. Pure."""

import json
import re
from dataclasses import dataclass

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

MAX_DISPLAYED = 262_144
_MAX_COLORED = 32_768
_MAX_INDENTATION = 40
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_READABLE = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii"})
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)


@dataclass(frozen=True)
class DisplayedBody:
    """`kind` is json, text, binary or empty; `html` is safe for a page; `size` (bytes) is what was read."""

    kind: str
    html: SafeString
    size: int


def displayed(content: bytes, content_type: str) -> DisplayedBody:
    """How to display the body, or the part of it that was read."""
    if not content:
        return DisplayedBody("empty", SafeString(""), 0)
    text = _decoded(content, content_type)
    if text is None:
        return DisplayedBody("binary", SafeString(""), len(content))
    if _is_json(text):
        return DisplayedBody("json", indented(text), len(content))
    return DisplayedBody("text", escape(text), len(content))


def _decoded(content: bytes, content_type: str) -> str | None:
    """Text in UTF-8 only: in other encodings, redaction would not have found the connection's secret."""
    charset = _CHARSET.search(content_type)
    if charset and charset.group(1).lower() not in _READABLE:
        return None
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        # A truncated character at the end does not mean that the encoding is another.
        if error.start < len(content) - 4 or error.reason != "unexpected end of data":
            return None
        text = content[: error.start].decode()
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
    """Valid JSON, indented; numbers and strings stay as the service wrote them. Highlighted unless it is long."""
    highlight = _highlighted if len(text) <= _MAX_COLORED else lambda token, is_key: escape(token)
    tokens = [match.group() for match in _TOKEN.finditer(text)]
    parts: list[str] = []
    depth = 0
    for index, token in enumerate(tokens):
        following = tokens[index + 1] if index + 1 < len(tokens) else ""
        if token in "{[":
            depth += 1
            parts.append(token if following in ("}", "]") else token + _line_break(depth))
        elif token in "}]":
            depth -= 1
            is_empty = tokens[index - 1] in ("{", "[")
            parts.append(token if is_empty else _line_break(depth) + token)
        elif token == ",":
            parts.append("," + _line_break(depth))
        elif token == ":":
            parts.append(": ")
        else:
            parts.append(highlight(token, following == ":"))
    return mark_safe("".join(parts))  # noqa: S308 - each token is escaped or punctuation


def _line_break(depth: int) -> str:
    return "\n" + "  " * min(depth, _MAX_INDENTATION)


def _highlighted(token: str, is_key: bool) -> str:
    css_class = "k" if is_key else "s" if token.startswith('"') else "n"
    return f'<span class="{css_class}">{escape(token)}</span>'
