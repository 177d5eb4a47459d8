"""The OpenAPI description of the proxy, which is a plain Django view that drf-spectacular does not find by itself."""

from typing import Any

from apps.gateway.proxy.call_options import MAX_IDLE_TIMEOUT, MAX_RETRIES
from apps.rest.schema import PROBLEM

PATH = "/api/v1/connections/{id}/proxy/{path}"
# The operation whose security and problem documents hold for the proxy too.
_MODEL = ("/api/v1/connections/{id}/token/", "post")
_WITH_BODY = ("post", "put", "patch")
METHODS = ("get", *_WITH_BODY, "delete")
_ANYTHING: dict[str, Any] = {"*/*": {"schema": {}}}
_BINARY: dict[str, Any] = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
_DESCRIPTION = """\
The service's own API through the connection: method, path, query, headers and body are sent as they are, streamed in
both directions, and the connection's credentials are added. Status, headers and body of the response are the service's
own. Where we fail, `Specway-Error` holds the code of the problem document.

`path` continues the service's base URL. `@name/path` continues the base URL of a further API host, which the
integration lists as `hosts`. HEAD, OPTIONS and all other methods are supported too."""


def document_proxy(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular: adds the proxy's operations."""
    paths = result.get("paths", {})
    if model := paths.get(_MODEL[0], {}).get(_MODEL[1]):
        paths[PATH] = {method: _operation(method, model) for method in METHODS}
        result["paths"] = dict(sorted(paths.items()))
    return result


def _operation(method: str, model: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"connections_proxy_{method}",
        "summary": f"Call the service ({method.upper()})",
        "description": _DESCRIPTION,
        "parameters": _PARAMETERS,
        "tags": model["tags"],
        "security": model["security"],
        "responses": {"200": {"content": _BINARY, "description": "The service's response."}} | _failures(model),
    }
    return operation | ({"requestBody": {"content": _BINARY}} if method in _WITH_BODY else {})


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
    _header("Specway-Scopes", "Scopes that the call requires; if one is not granted, it is not made (409)."),
    _header("Specway-Retries", f"0 to {MAX_RETRIES}: how often GET, HEAD, OPTIONS, PUT and DELETE are retried."),
    _header(
        "Specway-Timeout",
        f"1 to {MAX_IDLE_TIMEOUT}: seconds without data from the service after which the call ends. Default: 60.",
    ),
    _header("Specway-Workflow", 'The calling workflow: `<id>; name="..."`.'),
    _header("Specway-Run", "The workflow's run."),
]
