"""From bytes to a document: JSON or YAML, bounded in size, depth and aliases, with the line of what is wrong."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

LARGEST = 10_000_000  # bytes
# YAML takes a hundred times as long to read as JSON, and somebody waits.
LARGEST_YAML = 4_000_000
DEEPEST = 100
MOST_ALIASES = 2_000
MOST_EVENTS = 300_000  # texts, lists and mappings of a YAML document; each takes time and memory
_MOST_HOPS = 20


class UnreadableDocument(Exception):
    """Nothing of the document can be used. The text is one sentence that says where and why."""


class _Loader(yaml.CBaseLoader):
    """Texts, lists and mappings only: no types, no merge keys (which could multiply), no objects."""


def parse(content: bytes) -> dict[str, Any]:
    """The document as a mapping. In YAML every scalar is text. Raises UnreadableDocument."""
    if len(content) > LARGEST:
        raise UnreadableDocument(f"The document is larger than {LARGEST // 1_000_000} MB.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableDocument(f"The document is not UTF-8 text (byte {error.start}).") from None
    start = text.lstrip()[:200].lower()
    if not start:
        raise UnreadableDocument("The document is empty.")
    if start.startswith(("<!doctype", "<html", "<?xml", "<")):
        raise UnreadableDocument("This is a web page, not an API description. Look there for openapi.json or similar.")
    document = _json(text) if start.startswith("{") else _yaml(text)
    if not isinstance(document, dict):
        raise UnreadableDocument("The document is not a mapping at its top, so it describes no API.")
    return document


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if re.match(r"\s*\{\s*[A-Za-z_]", text):  # YAML's own braces
            return _yaml(text)
        where = f"line {error.lineno}, column {error.colno}"
        raise UnreadableDocument(f"This is not valid JSON: {where}. {error.msg}.") from None
    except RecursionError:
        raise UnreadableDocument("The document is nested too deeply.") from None
    except ValueError:
        raise UnreadableDocument("The document holds a number that is too long.") from None


def _yaml(text: str) -> Any:
    if len(text) > LARGEST_YAML:
        limit = LARGEST_YAML // 1_000_000
        raise UnreadableDocument(f"YAML documents may have {limit} MB. Convert it to JSON, which may have 10 MB.")
    try:
        _check_bounds(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - builds texts, lists and mappings only
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"
        problem = (error.problem or "it cannot be read")[:150]
        raise UnreadableDocument(f"This is not valid YAML: {where}. The reader says: {problem}.") from None
    except (yaml.YAMLError, RecursionError, ValueError, TypeError):
        raise UnreadableDocument("This is neither valid JSON nor valid YAML.") from None


def _check_bounds(text: str) -> None:
    """Event by event, before anything is built."""
    depth = aliases = 0
    for number, event in enumerate(yaml.parse(text, Loader=_Loader)):
        if number > MOST_EVENTS:
            raise UnreadableDocument("The YAML document has too many parts. Convert it to JSON.")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise UnreadableDocument(f"The document is nested deeper than {DEEPEST} levels.")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
            if aliases > MOST_ALIASES:
                raise UnreadableDocument(f"The document holds more than {MOST_ALIASES} YAML aliases.")


def mapping(value: Any) -> Mapping[str, Any]:
    """`value` if it is one, else an empty one: what is missing and what is wrong read alike."""
    return value if isinstance(value, dict) else {}


def listing(value: Any) -> list[Any]:
    """The same for a list."""
    return value if isinstance(value, list) else []


def text_of(value: Any, longest: int) -> str:
    """One line of text, cut; empty for anything else."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in str(value)[: longest * 4]).split())[:longest]


def named(value: Any) -> Iterator[tuple[str, Any]]:
    """The items of a mapping whose names are text."""
    for name, item in mapping(value).items():
        if isinstance(name, str):
            yield name, item


def resolve(document: Mapping[str, Any], node: Any) -> tuple[Mapping[str, Any] | None, str]:
    """What `node` is or refers to inside the document, or (None, why not): elsewhere, nowhere, or in a circle."""
    seen: set[str] = set()
    while isinstance(node, dict) and isinstance(node.get("$ref"), str):
        reference = node["$ref"]
        if not reference.startswith("#"):
            return None, "It refers to another document, which is not read."
        if reference in seen or len(seen) >= _MOST_HOPS:
            return None, "Its references lead in a circle."
        seen.add(reference)
        node = _at(document, reference[1:])
    return (node, "") if isinstance(node, dict) else (None, "It is not there, or not a mapping.")


def _at(document: Mapping[str, Any], pointer: str) -> Any:
    node: Any = document
    for step in pointer.split("/")[1:41]:
        key = step.replace("~1", "/").replace("~0", "~").replace("%7B", "{").replace("%7D", "}")
        node = node.get(key) if isinstance(node, dict) else None
    return node
