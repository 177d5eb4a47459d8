"""Hooks for schemathesis: of its coverage cases, those are sent that say something which no case before has said.

It would send each wrong type and each boundary of each field to each operation that has the field. Here each operation
gets a valid and an invalid value of each of its fields, each type of field gets each wrong type in one of them, and
fields that several operations describe alike get their boundaries in one of these. Of each boundary, the last valid
value and the first invalid one are sent, not the valid one next to the last.
"""

import json
import os
import re
from functools import reduce
from typing import Any
from urllib.parse import urlencode

import schemathesis
from schemathesis import Case, HookContext

# Fields that have these in common refuse the same types.
TYPE = ("type", "format", "items", "anyOf", "allOf", "oneOf")
# Then all of them are sent.
LONG_LOOK = "SCHEMATHESIS_EXAMPLES" in os.environ
# Well below the 8,190 bytes of a request line, above which the web server responds before the API sees it.
LONGEST_QUERY = 3500
NEXT_TO_LAST = "near-boundary "
sent: set[tuple[str, ...]] = set()
bodies: dict[str, Any] = {}


@schemathesis.hook
def filter_case(context: HookContext, case: Case[Any]) -> bool:
    """Whether the case is the first with its field in this operation, or the first of its kind in all."""
    if len(urlencode(case.query or {})) > LONGEST_QUERY:
        return False
    meta: Any = case.meta
    if LONG_LOOK or meta is None or meta.phase.name.value != "coverage":
        return True
    if NEXT_TO_LAST in meta.phase.data.description.lower():
        return False
    place = (meta.generation.mode.value, _place(meta.phase.data))
    field, kind = field_and_kind(case, meta.phase.data)
    signs = {(*place, "field", case.operation.label, field), (*place, "kind", *kind)}
    is_new = not signs <= sent
    sent.update(signs)
    return is_new


def field_and_kind(case: Case[Any], data: Any) -> tuple[str, tuple[str, ...]]:
    """The parameter or the outermost field of the body that this case is about, and what is special in it."""
    location = data.location or ""
    about = data.description.removeprefix(f"{data.parameter}: ")
    if data.scenario.value == "unspecified_http_method":
        return "", (about,)
    if data.parameter and _place(data) != "body":
        return data.parameter, (data.parameter, about, _parameter(case, data.parameter))
    names = re.findall(r"/properties/([^/]+)", location) or re.findall(r"'([\w-]+)'", about)
    if not names:
        return "", (case.operation.label, about)
    if data.scenario.value == "incorrect_type":
        schema = _schema(case, location)
        return location, (*(json.dumps(schema.get(name)) for name in TYPE), _type_at(case.body, location))
    return names[0], (about, json.dumps(_schema(case, f"/properties/{names[0]}/type")))


def _place(data: Any) -> str:
    """ "query", "path", "header" or "body"."""
    return data.parameter_location.value if data.parameter_location else ""


def _parameter(case: Case[Any], name: str) -> str:
    """The schema of the parameter."""
    groups = (case.operation.query, case.operation.path_parameters, case.operation.headers)
    return next((json.dumps(each.raw_schema) for group in groups for each in group if each.name == name), "")


def _schema(case: Case[Any], location: str) -> Any:
    """The schema that has the keyword at `location`, which begins at the body's, with what it refers to."""
    label = case.operation.label
    if label not in bodies:
        schemas = [each.raw_schema for each in case.operation.body]
        bodies[label] = _whole(schemas[0], schemas[0]) if schemas else {}
    found: Any = bodies[label]
    for name in location.split("/")[1:-1]:
        found = found[int(name)] if isinstance(found, list) else found.get(name, {})
    return found


def _whole(schema: Any, document: Any) -> Any:
    """The schema with the others in it that it refers to in the document."""
    if isinstance(schema, list):
        return [_whole(each, document) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _whole(reduce(lambda whole, key: whole[key], schema["$ref"].split("/")[1:], document), document)
    return {name: _whole(value, document) for name, value in schema.items() if name != "x-bundled"}


def _type_at(value: Any, location: str) -> str:
    """The type of what the body has at the location of a schema's keyword."""
    steps = iter(location.split("/")[1:-1])
    for step in steps:
        if step == "properties" and isinstance(value, dict):
            value = value.get(next(steps))
        elif step == "items" and isinstance(value, list):
            value = value[0] if value else None
    return type(value).__name__
