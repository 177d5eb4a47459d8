"""Where a description departs from the standard, by OpenAPI's published schemas (in `schemas/`).

The validator is `jsonschema-rs`, which needs 20 ms for 900 operations of OpenAPI 3.1; `openapi-spec-validator` needs
12 s, has no limits, and follows references to other documents. A document is checked part by part, so that one with
errors everywhere, or one that expands without end, ends early.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema_rs import ValidationError, ValidationErrorKind, validator_for

from apps.integrations.custom_apis.openapi.described import Note
from apps.integrations.custom_apis.openapi.document import mapping, named

SCHEMAS = Path(__file__).parent / "schemas"
MAX_PARTS = 20_000  # of one piece: texts, lists and mappings, those behind aliases counted each time
MAX_PARTS_IN_ALL = 1_500_000
_DEEPEST = 100
_LONGEST = 200
# Mappings whose values are looked at one by one, and where such a value stands in a document of its own.
_PIECES = ("paths", "webhooks", "definitions", "parameters", "responses", "securityDefinitions")
_INFO = {"title": "x", "version": "1"}
_WITH_BRANCHES = (ValidationErrorKind.OneOfNotValid, ValidationErrorKind.AnyOf)


class _TooLarge(Exception):
    """There is more of it than is looked at."""


def faults(document: Mapping[str, Any], version: str, most: int) -> Iterator[Note]:
    """At most `most`, each with its place and what is wrong there. `version` is that of the description, as it says."""
    left, found, unseen = MAX_PARTS_IN_ALL, 0, 0
    check = _validator(".".join(version.split(".")[:2]))
    for piece in _pieces(document):
        try:
            left -= _parts(piece, min(MAX_PARTS, left))
            errors = list(check.iter_errors(piece))
        except (_TooLarge, ValueError, OverflowError):  # the validator has limits too: of depth, and of numbers
            unseen += 1
            continue
        for error in errors:
            if found == most:
                yield Note("document", f"More is not as the standard has it; the first {most} places are listed.")
                return
            if not _is_text_as_number(error):
                found += 1
                yield _note(piece, _closest(error))
    if unseen:
        count = "One part of it is" if unseen == 1 else f"{unseen} parts of it are"
        yield Note("document", f"{count} too large to be compared with the standard.")


@cache
def _validator(version: str) -> Any:
    """Compiled when the first document comes: the library takes a moment and some memory."""
    schema = json.loads((SCHEMAS / f"v{version}.json").read_text(encoding="utf-8"))
    return validator_for(schema, mask="It")


def _pieces(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Documents of their own: the frame without what hangs in it, then each thing that hangs in it."""
    frame = {name: value for name, value in document.items() if not name.startswith("x-")}
    hanging = {name: frame[name] for name in _PIECES if isinstance(frame.get(name), dict)}
    shelves = mapping(frame.get("components"))
    frame |= {name: {} for name in hanging}
    if "components" in frame and isinstance(frame["components"], dict):
        frame["components"] = {name: {} if isinstance(shelf, dict) else shelf for name, shelf in shelves.items()}
    yield frame
    said = {name: document[name] for name in ("openapi", "swagger") if name in document}
    empty = said | {"info": _INFO, "paths": {}}
    for place, things in hanging.items():
        for name, thing in named(things):
            if not name.startswith("x-"):
                yield empty | {place: {name: thing}}
    for shelf, things in named(shelves):
        if not shelf.startswith("x-"):
            for name, thing in named(things):
                yield empty | {"components": {shelf: {name: thing}}}


def _parts(node: Any, most: int) -> int:
    """How many there are, aliases unfolded. Raises _TooLarge beyond `most`."""
    count, waiting = 0, [(node, 0)]
    while waiting:
        one, depth = waiting.pop()
        count += 1
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        if count + len(inner) > most or depth > _DEEPEST:
            raise _TooLarge
        waiting += [(each, depth + 1) for each in inner]
    return count


def _closest(error: ValidationError) -> ValidationError:
    """Of several that it might have been, the one that it came closest to says what is wrong."""
    while isinstance(error.kind, _WITH_BRANCHES):
        firsts = [branch[0] for branch in error.kind.context if branch]
        best = max(firsts, key=lambda one: len(one.instance_path), default=None)
        if best is None or len(best.instance_path) <= len(error.instance_path):
            break
        error = best
    return error


def _is_text_as_number(error: ValidationError) -> bool:
    """`version: 1.0` is a number in YAML; everybody writes it, and everybody means the text."""
    if error.instance_path[:1] != ["info"]:
        return False
    wants_text = isinstance(error.kind, ValidationErrorKind.Type) and error.kind.types == ["string"]
    return wants_text and isinstance(error.instance, int | float) and not isinstance(error.instance, bool)


def _note(piece: Any, error: ValidationError) -> Note:
    where, node = "", piece
    for step in error.instance_path:
        if isinstance(node, list):
            where, node = f"{where}[{step}]", node[int(step)]
        else:
            key = str(step)
            where, node = f"{where}.{key[:100]}", mapping(node).get(key)
    words = "".join(c if c.isprintable() else " " for c in error.message[: _LONGEST * 2])
    return Note(where.removeprefix(".")[:300] or "document", f"{words[:_LONGEST].rstrip('.')}.")
