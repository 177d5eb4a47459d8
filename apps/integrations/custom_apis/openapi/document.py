"""From bytes to a document: JSON or YAML, bounded in size, depth and aliases, with the line of what is wrong."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from apps.integrations.custom_apis.openapi import yaml_text
from apps.integrations.custom_apis.openapi.yaml_text import BrokenYaml

LARGEST = 10_000_000  # bytes
_MOST_HOPS = 20

# Keys that stand twice in one mapping: the key, and the line where that is known.
Repeated = list[tuple[str, int | None]]


class UnreadableDocument(Exception):
    """Nothing of the document is taken. The text says where and why; `so_far` is what came before the fault."""

    def __init__(self, sentence: str, so_far: Any = None) -> None:
        super().__init__(sentence)
        self.so_far = so_far


def parse(content: bytes) -> tuple[dict[str, Any], Repeated]:
    """The document as a mapping, and its repeated keys. Raises UnreadableDocument."""
    if len(content) > LARGEST:
        raise UnreadableDocument(f"The document is larger than {LARGEST // 1_000_000} MB.")
    text = _text(content)
    start = text.lstrip()[:200].lower()
    if not start:
        raise UnreadableDocument("The document is empty.")
    if start.startswith("<"):
        raise UnreadableDocument("This is a web page, not an API description. Look there for openapi.json or similar.")
    document, repeated = _json(text) if start.startswith("{") else _yaml(text)
    if not isinstance(document, dict):
        raise UnreadableDocument("The document is not a mapping at its top, so it describes no API.")
    return document, repeated


def _text(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableDocument("The document is not UTF-8 text but UTF-16. Save it as UTF-8.")
    if b"\0" in content[:10_000]:
        raise UnreadableDocument("This is no text but a binary file. Choose the description itself, in JSON or YAML.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        where = f"line {line}, byte {error.start + 1}"
        raise UnreadableDocument(f"The document is not UTF-8 text: {where}. Save it as UTF-8.") from None


def _json(text: str) -> tuple[Any, Repeated]:
    repeated: Repeated = []

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs) and len(repeated) < 20:
            counted = Counter(key for key, _ in pairs)
            repeated.extend((key, None) for key, count in counted.items() if count > 1)
        return found

    try:
        return json.loads(text, object_pairs_hook=made, parse_constant=str), repeated
    except json.JSONDecodeError as error:
        if re.match(r"\s*\{\s*[A-Za-z_]", text):  # YAML's own braces
            return _yaml(text)
        where = f"line {error.lineno}, column {error.colno}"
        sentence = f"This is not valid JSON: {where}. The reader says: {error.msg}."
        raise UnreadableDocument(sentence, _before(text[: error.pos])) from None
    except RecursionError:
        raise UnreadableDocument("The document is nested too deeply.") from None
    except ValueError:
        raise UnreadableDocument("The document holds a number that is too long.") from None


def _before(text: str) -> Any:
    """What can be read of JSON that breaks off: the reader of YAML keeps what it had."""
    try:
        return yaml_text.built(text)[0]
    except BrokenYaml as broken:
        return broken.so_far


def _yaml(text: str) -> tuple[Any, Repeated]:
    try:
        document, repeated = yaml_text.built(text)
    except BrokenYaml as broken:
        raise UnreadableDocument(broken.sentence, broken.so_far) from None
    return document, list(repeated)


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
