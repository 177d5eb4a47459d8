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

from django.utils.translation import gettext_noop
from jsonschema_rs import ValidationError, ValidationErrorKind, validator_for

from apps.integrations.custom_apis.openapi.described import Note
from apps.integrations.custom_apis.openapi.document import mapping, named

SCHEMAS = Path(__file__).parent / "schemas"
MAX_PARTS = 20_000  # of one part: scalars, lists and mappings, aliases expanded
MAX_PARTS_IN_ALL = 1_500_000
_DEEPEST = 100
_LONGEST = 200
# Mappings whose values are validated one by one.
_PARTS = ("paths", "webhooks", "definitions", "parameters", "responses", "securityDefinitions")
_INFO = {"title": "x", "version": "1"}
_WITH_BRANCHES = (ValidationErrorKind.OneOfNotValid, ValidationErrorKind.AnyOf)


class _TooLarge(Exception):
    """The part exceeds the limits."""


def faults(document: Mapping[str, Any], version: str, most: int) -> Iterator[Note]:
    """At most `most` notes, each with a path and the error. `version` is the one that the document states."""
    left, found, skipped = MAX_PARTS_IN_ALL, 0, 0
    check = _validator(".".join(version.split(".")[:2]))
    for part in _parts_of(document):
        try:
            left -= _size(part, min(MAX_PARTS, left))
            errors = list(check.iter_errors(part))
        except (_TooLarge, ValueError, OverflowError):  # the validator limits depth and numbers too
            skipped += 1
            continue
        for error in errors:
            if found == most:
                yield Note(
                    "document", gettext_noop("There are more errors; the first %(most)s are listed.") % {"most": most}
                )
                return
            if not _is_text_as_number(error):
                found += 1
                yield _note(part, _closest(error))
    if skipped:
        sentence = (
            gettext_noop("One part is too large to be validated.")
            if skipped == 1
            else gettext_noop("%(n)s parts are too large to be validated.")
        )
        yield Note("document", sentence % {"n": skipped})


@cache
def _validator(version: str) -> Any:
    """Compiled when the first document comes: the library takes a moment and some memory."""
    schema = json.loads((SCHEMAS / f"v{version}.json").read_text(encoding="utf-8"))
    return validator_for(schema, mask="It")


def _parts_of(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Separate documents: the frame with empty collections, then each item of the collections."""
    frame = {name: value for name, value in document.items() if not name.startswith("x-")}
    collections = {name: frame[name] for name in _PARTS if isinstance(frame.get(name), dict)}
    components = mapping(frame.get("components"))
    frame |= {name: {} for name in collections}
    if "components" in frame and isinstance(frame["components"], dict):
        frame["components"] = {name: {} if isinstance(items, dict) else items for name, items in components.items()}
    yield frame
    version = {name: document[name] for name in ("openapi", "swagger") if name in document}
    empty = version | {"info": _INFO, "paths": {}}
    for collection, items in collections.items():
        for name, item in named(items):
            if not name.startswith("x-"):
                yield empty | {collection: {name: item}}
    for collection, items in named(components):
        if not collection.startswith("x-"):
            for name, item in named(items):
                yield empty | {"components": {collection: {name: item}}}


def _size(node: Any, most: int) -> int:
    """The number of scalars, lists and mappings, aliases expanded. Raises _TooLarge beyond `most`."""
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
    """The error of the branch that matched furthest, for a choice between several."""
    while isinstance(error.kind, _WITH_BRANCHES):
        firsts = [branch[0] for branch in error.kind.context if branch]
        best = max(firsts, key=lambda one: len(one.instance_path), default=None)
        if best is None or len(best.instance_path) <= len(error.instance_path):
            break
        error = best
    return error


def _is_text_as_number(error: ValidationError) -> bool:
    """`version: 1.0` is a number in YAML, but commonly meant as a string."""
    if error.instance_path[:1] != ["info"]:
        return False
    wants_text = isinstance(error.kind, ValidationErrorKind.Type) and error.kind.types == ["string"]
    return wants_text and isinstance(error.instance, int | float) and not isinstance(error.instance, bool)


def _note(part: Any, error: ValidationError) -> Note:
    where, node = "", part
    for step in error.instance_path:
        if isinstance(node, list):
            where, node = f"{where}[{step}]", node[int(step)]
        else:
            key = str(step)
            where, node = f"{where}.{key[:100]}", mapping(node).get(key)
    words = "".join(c if c.isprintable() else " " for c in error.message[: _LONGEST * 2])
    return Note(where.removeprefix(".")[:300] or "document", f"{words[:_LONGEST].rstrip('.')}.")
