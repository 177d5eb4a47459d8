"""Adds problem documents to every operation of the OpenAPI document, and rejects unknown fields in bodies."""

import copy
import json
from http import HTTPStatus
from typing import Any, cast

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter

from apps.rest.deprecation import deprecation_of
from apps.rest.fields import Text

# What drf-spectacular calls the empty text as a choice.
BLANK = "BlankEnum"
PROBLEM = "application/problem+json"
# Possible responses of every operation, in two groups by sort order.
COMMON = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_ACCEPTABLE)
TEMPORARY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
RETRY_AFTER = {"description": "Seconds to wait before the next request.", "schema": {"type": "integer", "minimum": 0}}
HEADERS: dict[HTTPStatus, dict[str, Any]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": {"description": "RFC 6750, 3.", "schema": {"type": "string"}}},
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": RETRY_AFTER},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": RETRY_AFTER},
}
# With or without the quotes of a structured field.
IDEMPOTENCY_KEY_PATTERN = r'^([!#-~]{1,255}|"[!#-~]{1,255}")$'
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": IDEMPOTENCY_KEY_PATTERN},
    OpenApiParameter.HEADER,
    pattern=IDEMPOTENCY_KEY_PATTERN,
    description="1 to 255 characters, such as a UUID. A repeated request with the same key has no further effect, and "
    "gets the response of the first one, for a day.",
)
DOCUMENT: dict[str, Any] = {
    "type": "object",
    "description": "A problem document (RFC 9457). `code` is stable; `detail` is for people.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "help": {"type": "string", "format": "uri", "description": "The help page."},
        "errors": {
            "type": "array",
            "description": "The invalid fields.",
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
        responses = super()._get_response_bodies(direction)
        for status in self._failures():
            responses.setdefault(str(status.value), self._problem(status))
        return responses

    def get_operation(self, *args: Any, **options: Any) -> Any:
        """With `x-required-scope`: the scope that an API key needs, which the description names too."""
        operation = super().get_operation(*args, **options)
        scope = required_scope(self.view, self.method)
        if operation is not None and scope:
            operation["x-required-scope"] = scope
            described = operation.get("description", "").strip()
            operation["description"] = f"{described}\n\nAPI keys need the scope `{scope}`.".strip()
        end = deprecation_of(self.view, self.method)
        if operation is not None and end is not None:
            operation["deprecated"] = True
            operation["description"] = f"{operation.get('description', '')}\n\n{end}".strip()
        return operation

    def get_override_parameters(self) -> Any:
        parameters = super().get_override_parameters()
        handler = getattr(self.view, self.method.lower(), None)
        return [*parameters, IDEMPOTENCY_KEY] if getattr(handler, "is_idempotent", False) else parameters

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:
        schema = cast(Any, super())._map_serializer_field(field, direction, bypass_extensions)
        if getattr(field, "allow_empty", True) is False and schema.get("type") == "array":
            schema["minItems"] = 1  # drf-spectacular uses only min_length
        if isinstance(field, Text) and schema.get("type") == "string":
            # No database column holds the character NUL, and text of spaces only counts as blank.
            schema.setdefault("pattern", r"^[^\x00]*$" if field.allow_blank else r"^[^\x00]*[^\x00\s][^\x00]*$")
        return schema

    def _failures(self) -> list[HTTPStatus]:
        statuses = [*COMMON, *TEMPORARY]
        if "{" in self.path:
            statuses.append(HTTPStatus.NOT_FOUND)
        if self.method != "GET":
            statuses += [HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE]
            statuses += [HTTPStatus.UNSUPPORTED_MEDIA_TYPE, HTTPStatus.BAD_GATEWAY]
        if getattr(getattr(self.view, self.method.lower(), None), "is_idempotent", False):
            statuses.append(HTTPStatus.UNPROCESSABLE_ENTITY)
        return sorted(statuses)

    def _problem(self, status: HTTPStatus) -> dict[str, Any]:
        component = ResolvedComponent(
            name="Problem", type=ResolvedComponent.SCHEMA, schema=copy.deepcopy(DOCUMENT), object="Problem"
        )
        self.registry.register_on_missing(component)
        response = {"description": status.phrase, "content": {PROBLEM: {"schema": component.ref}}}
        return response | ({"headers": HEADERS[status]} if status in HEADERS else {})


def required_scope(view: Any, method: str) -> str:
    """The scope that the view declares for a method; empty if every key may call it."""
    scope = getattr(view, "required_scopes", {}).get(method, getattr(view, "required_scope", None))
    return str(scope or "")


def inline_blank_choices(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A postprocessing hook: a choice that may be empty is one enum.

    drf-spectacular describes it as one of two enums, of which generators such as orval make code that does not run.
    """
    schemas = result.get("components", {}).get("schemas", {})
    inlined = set()
    for schema in schemas.values():
        for choice in schema.get("properties", {}).values():
            names = [one.get("$ref", "").rpartition("/")[2] for one in choice.get("oneOf", [])]
            if names[1:] == [BLANK]:
                del choice["oneOf"]
                choice |= {"type": "string", "enum": ["", *schemas[names[0]]["enum"]]}
                inlined |= set(names)
    used = json.dumps(result, default=str)
    for name in inlined:
        if f'"#/components/schemas/{name}"' not in used:
            del schemas[name]
    return result


def close_bodies(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A postprocessing hook: request bodies have no additional properties."""
    schemas = result.get("components", {}).get("schemas", {})
    for path in result.get("paths", {}).values():
        for operation in path.values():
            for media in operation.get("requestBody", {}).get("content", {}).values():
                name = media.get("schema", {}).get("$ref", "").rpartition("/")[2]
                if name in schemas and schemas[name].get("type") == "object":
                    schemas[name]["additionalProperties"] = False
    return result
