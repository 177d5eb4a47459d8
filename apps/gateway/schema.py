"""The OpenAPI description of the proxy, which is a plain Django view that drf-spectacular does not find by itself."""

from typing import Any

from apps.gateway.proxy.call_options import MAX_IDLE_TIMEOUT, MAX_REDIRECTS, MAX_RETRIES
from apps.rest.schema import PROBLEM

PATH = "/api/v1/connections/{id}/proxy/{path}"
SCOPE = "connections:use"
# The operation whose security and problem documents hold for the proxy too.
_MODEL = ("/api/v1/connections/{id}/token/", "post")
_WITH_BODY = ("post", "put", "patch")
METHODS = ("get", *_WITH_BODY, "delete", "head", "options")
# Generators encode the slashes of a parameter, so paths of up to this many segments have an operation each.
SEGMENTS = 4
_ANYTHING: dict[str, Any] = {"*/*": {"schema": {}}}
_BINARY: dict[str, Any] = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
_OCTETS: dict[str, Any] = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_BODIES: dict[str, Any] = {
    "application/json": {"schema": {"type": "object", "additionalProperties": True}},
    # Of any other content: the header `Content-Type` of the request is sent as it is.
    **_OCTETS,
}
_DESCRIPTION = """\
The service's own API through the connection: method, path, query, headers and body are sent as they are, streamed in
both directions, and the connection's credentials are added. Status, headers and body of the response are the service's
own. Where we fail, `Specway-Error` holds the code of the problem document.

`path` continues the service's base URL. `@name/path` continues the base URL of a further API host, which the
integration lists as `hosts`. All other methods are supported too.

The body may be of any content type, and any JSON: `Content-Type` is sent as it is.

Slashes within `path` are part of the path. A client that encodes them as `%2F` sends them encoded; use the operations
with several segments then."""


def document_proxy(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular: adds the proxy's operations."""
    paths = result.get("paths", {})
    if model := paths.get(_MODEL[0], {}).get(_MODEL[1]):
        for count in range(1, SEGMENTS + 1):
            path = PATH + "".join(f"/{{path{number}}}" for number in range(2, count + 1))
            paths[path] = {method: _operation(method, model, count) for method in METHODS}
        result["paths"] = dict(sorted(paths.items()))
    return result


def _operation(method: str, model: dict[str, Any], segments: int) -> dict[str, Any]:
    suffix = f"_{segments}" if segments > 1 else ""
    more = [_segment(f"path{number}") for number in range(2, segments + 1)]
    answered = {"description": "The service's response.", "content": _OCTETS | _BINARY}
    no_content = {"description": "The service's response, without a body."}
    success = no_content if method == "head" else answered
    operation: dict[str, Any] = {
        "operationId": f"connections_proxy_{method}{suffix}",
        "summary": f"Call the service: {method.upper()}" + (f", {segments} segments" if segments > 1 else ""),
        "description": f"{_DESCRIPTION}\n\nAPI keys need the scope `{SCOPE}`.",
        "x-required-scope": SCOPE,
        "parameters": [*_PARAMETERS[:2], *more, *_PARAMETERS[2:]],
        "tags": model["tags"],
        "security": model["security"],
        "responses": {"200": success, "default": success} | _failures(model),
    }
    return operation | ({"requestBody": {"content": _BODIES}} if method in _WITH_BODY else {})


def _segment(name: str) -> dict[str, Any]:
    return {
        "in": "path",
        "name": name,
        "schema": {"type": "string"},
        "description": "The next segment of the path.",
        "required": True,
    }


def _failures(model: dict[str, Any]) -> dict[str, Any]:
    """The problem documents; a service may give each of these statuses too, with any content."""
    problems = {status: answer for status, answer in model["responses"].items() if PROBLEM in answer.get("content", {})}
    return {status: answer | {"content": answer["content"] | _ANYTHING} for status, answer in problems.items()}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"in": "header", "name": name, "schema": {"type": "string"}, "description": description}


_PARAMETERS = [
    {"in": "path", "name": "id", "schema": {"type": "string", "format": "uuid"}, "required": True},
    {
        "in": "path",
        "name": "path",
        "schema": {"type": "string"},
        "description": "The path at the service.",
        "required": True,
    },
    {
        "in": "query",
        "name": "query",
        "schema": {"type": "object", "additionalProperties": {"type": "string"}},
        "style": "form",
        "explode": True,
        "description": "Any query parameters. They are sent to the service as they are.",
    },
    _header("Specway-Scopes", "Scopes that the call requires; if one is not granted, it is not made (409)."),
    _header("Specway-Retries", f"0 to {MAX_RETRIES}: how often GET, HEAD, OPTIONS, PUT and DELETE are retried."),
    _header(
        "Specway-Retry-On",
        "Statuses of the service after which the call is retried, separated by commas. Default: 429,502,503,504.",
    ),
    _header(
        "Specway-Follow-Redirects",
        f"0 to {MAX_REDIRECTS}: how many redirects within the service's API are followed; others are returned.",
    ),
    _header(
        "Specway-Timeout",
        f"1 to {MAX_IDLE_TIMEOUT}: seconds without data from the service after which the call ends. Default: 60.",
    ),
    _header("Specway-Workflow", 'The calling workflow: `<id>; name="..."`.'),
    _header("Specway-Run", "The workflow's run."),
]
