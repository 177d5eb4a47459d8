"""Completes the API's document with what holds for every operation: its failures, and that unknown fields are some."""

import copy
from http import HTTPStatus
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent

PROBLEM = "application/problem+json"
# Whatever is asked, any of these may be the answer; the others stand where they can come.
ALWAYS = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_ACCEPTABLE)
LATER = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
RETRY_AFTER = {"description": "Seconds to wait before asking again.", "schema": {"type": "integer", "minimum": 0}}
HEADERS: dict[HTTPStatus, dict[str, Any]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": {"description": "How to sign in.", "schema": {"type": "string"}}},
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": RETRY_AFTER},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": RETRY_AFTER},
}
DOCUMENT: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong (RFC 9457). `code` is stable: branch on it, and show `detail` to people.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "help": {"type": "string", "format": "uri", "description": "The help page about it."},
        "errors": {
            "type": "array",
            "description": "Which fields are wrong, and why.",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}


class StrictAutoSchema(AutoSchema):
    """Adds to each operation the problem documents that may be its response."""

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        answers = super()._get_response_bodies(direction)
        for status in self._failures():
            answers.setdefault(str(status.value), self._problem(status))
        return answers

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:
        schema = super()._map_serializer_field(field, direction, bypass_extensions)  # type: ignore[no-untyped-call] # as below
        if getattr(field, "allow_empty", True) is False and schema.get("type") == "array":
            schema["minItems"] = 1  # drf-spectacular knows only an explicit min_length
        return schema

    def _failures(self) -> list[HTTPStatus]:
        found = [*ALWAYS, *LATER]
        if "{" in self.path:
            found.append(HTTPStatus.NOT_FOUND)
        if self.method != "GET":
            found += [HTTPStatus.CONFLICT, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, HTTPStatus.BAD_GATEWAY]
        return sorted(found)

    def _problem(self, status: HTTPStatus) -> dict[str, Any]:
        component = ResolvedComponent(  # type: ignore[no-untyped-call] # it has no annotations
            name="Problem", type=ResolvedComponent.SCHEMA, schema=copy.deepcopy(DOCUMENT), object="Problem"
        )
        self.registry.register_on_missing(component)
        answer = {"description": status.phrase, "content": {PROBLEM: {"schema": component.ref}}}
        return answer | ({"headers": HEADERS[status]} if status in HEADERS else {})


def close_bodies(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A postprocessing hook: a body with a field that stands in no list is refused, and the document says so."""
    schemas = result.get("components", {}).get("schemas", {})
    for path in result.get("paths", {}).values():
        for operation in path.values():
            for media in operation.get("requestBody", {}).get("content", {}).values():
                name = media.get("schema", {}).get("$ref", "").rpartition("/")[2]
                if name in schemas and schemas[name].get("type") == "object":
                    schemas[name]["additionalProperties"] = False
    return result
