"""Parses JSON or YAML, limited in size, depth and aliases; errors name the line."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext_noop

from apps.integrations.custom_apis.openapi import yaml_text
from apps.integrations.custom_apis.openapi.yaml_text import BrokenYaml

LARGEST = 10_000_000  # bytes
_MOST_HOPS = 20

# Keys that occur twice in a mapping, with the line if known.
Repeated = list[tuple[str, int | None]]


class UnreadableDocument(Exception):
    """The document cannot be read. The text says where and why; `so_far` is what was parsed before the error."""

    def __init__(self, message: str, so_far: Any = None) -> None:
        super().__init__(message)
        self.so_far = so_far


def parse(content: bytes) -> tuple[dict[str, Any], Repeated]:
    """The document as a mapping, and its repeated keys. Raises UnreadableDocument."""
    if len(content) > LARGEST:
        raise UnreadableDocument(
            gettext_noop("The document is larger than %(megabytes)s MB.") % {"megabytes": LARGEST // 1_000_000}
        )
    text = _text(content)
    start = text.lstrip()[:200].lower()
    if not start:
        raise UnreadableDocument(gettext_noop("The document is empty."))
    if start.startswith("<"):
        raise UnreadableDocument(
            gettext_noop("This is a web page, not an API document. Look there for a link to openapi.json or similar.")
        )
    document, repeated = _json(text) if start.startswith("{") else _yaml(text)
    if not isinstance(document, dict):
        raise UnreadableDocument(gettext_noop("The document is not a mapping, so it does not describe an API."))
    return document, repeated


def _text(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableDocument(gettext_noop("The document is not UTF-8 text but UTF-16. Save it as UTF-8."))
    if b"\0" in content[:10_000]:
        raise UnreadableDocument(
            gettext_noop("This is a binary file. Choose the API document itself, in JSON or YAML.")
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        where = gettext_noop("line %(line)s, byte %(byte)s") % {"line": line, "byte": error.start + 1}
        raise UnreadableDocument(
            gettext_noop("The document is not UTF-8 text: %(where)s. Save it as UTF-8.") % {"where": where}
        ) from None


def _json(text: str) -> tuple[Any, Repeated]:
    repeated: Repeated = []

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        built = dict(pairs)
        if len(built) != len(pairs) and len(repeated) < 20:
            counted = Counter(key for key, _ in pairs)
            repeated.extend((key, None) for key, count in counted.items() if count > 1)
        return built

    try:
        return json.loads(text, object_pairs_hook=build, parse_constant=str), repeated
    except json.JSONDecodeError as error:
        if re.match(r"\s*\{\s*[A-Za-z_]", text):  # a YAML flow mapping
            return _yaml(text)
        where = gettext_noop("line %(line)s, column %(column)s") % {"line": error.lineno, "column": error.colno}
        message = gettext_noop("This is not valid JSON: %(where)s. %(problem)s.") % {
            "where": where,
            "problem": error.msg,
        }
        raise UnreadableDocument(message, _before(text[: error.pos])) from None
    except RecursionError:
        raise UnreadableDocument(gettext_noop("The document is nested too deeply.")) from None
    except ValueError:
        raise UnreadableDocument(gettext_noop("The document contains a number that is too long.")) from None


def _before(text: str) -> Any:
    """The readable part of truncated JSON: the YAML reader returns what it has parsed."""
    try:
        return yaml_text.built(text)[0]
    except BrokenYaml as broken:
        return broken.so_far


def _yaml(text: str) -> tuple[Any, Repeated]:
    try:
        document, repeated = yaml_text.built(text)
    except BrokenYaml as broken:
        raise UnreadableDocument(broken.message, broken.so_far) from None
    return document, list(repeated)


def mapping(value: Any) -> Mapping[str, Any]:
    """`value` if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def listing(value: Any) -> list[Any]:
    """`value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text_of(value: Any, longest: int) -> str:
    """One line of text, truncated; empty for other types."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in str(value)[: longest * 4]).split())[:longest]


def named(value: Any) -> Iterator[tuple[str, Any]]:
    """The items of a mapping whose keys are strings."""
    for name, item in mapping(value).items():
        if isinstance(name, str):
            yield name, item


def is_external(node: Any) -> bool:
    """Whether a node refers to another document."""
    return isinstance(node, dict) and isinstance(node.get("$ref"), str) and not node["$ref"].startswith("#")


def resolve(document: Mapping[str, Any], node: Any) -> tuple[Mapping[str, Any] | None, str]:
    """The mapping that `node` is or refers to, or (None, reason): another document, not found, or a cycle."""
    seen: set[str] = set()
    while isinstance(node, dict) and isinstance(node.get("$ref"), str):
        reference = node["$ref"]
        if not reference.startswith("#"):
            return None, gettext_noop("It refers to another document, which is not read.")
        if reference in seen or len(seen) >= _MOST_HOPS:
            return None, gettext_noop("Its references are circular.")
        seen.add(reference)
        node = _at(document, reference[1:])
    return (node, "") if isinstance(node, dict) else (None, gettext_noop("It is missing, or not a mapping."))


def _at(document: Mapping[str, Any], pointer: str) -> Any:
    node: Any = document
    for step in pointer.split("/")[1:41]:
        key = step.replace("~1", "/").replace("~0", "~").replace("%7B", "{").replace("%7D", "}")
        node = node.get(key) if isinstance(node, dict) else None
    return node
