"""What the OpenAPI document says of the API as a whole: summaries, tags, and the codes of problem documents."""

import re
from collections.abc import Iterator
from typing import Any

from apps.errors import SpecwayError
from apps.rest.examples import add_examples

# By the first segment of the path.
TAGS = {
    "api-keys": "The team's API keys.",
    "audit-events": "The audit log.",
    "browser-tokens": "Short-lived tokens for programs in browsers.",
    "bulk-jobs": "Changes of many connections.",
    "connect-sessions": "Links with which a member is asked to connect a service.",
    "connections": "Connections, their tokens, and calls to services through them.",
    "integrations": "The services that the team can connect to, and its custom APIs.",
    "me": "The caller.",
    "members": "The team's members.",
    "preflight": "Whether a workflow's connections are usable.",
    "tokens": "Access tokens of several connections.",
    "usage": "Calls and failures of all connections.",
    "webhooks": "Endpoints that receive events, and their messages.",
}
# Of errors that Django REST framework and the web server report, in addition to the domain errors.
_OTHER_CODES = frozenset(
    {
        "headers_too_large",
        "insufficient_scope",
        "internal_error",
        "malformed_request",
        "method_not_allowed",
        "not_acceptable",
        "unauthorized",
        "unsupported_media_type",
        "uri_too_long",
        "validation_error",
    }
)
# Schemas with a `code`; of some it is empty where nothing failed.
_CODE_MAY_BE_EMPTY = frozenset({"BulkItem", "ConnectSession", "Link", "PreflightItem"})
_WITH_CODES = _CODE_MAY_BE_EMPTY | {"ItemError", "LastError", "Problem"}
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
MAX_SUMMARY = 110


def all_codes() -> list[str]:
    """The stable codes of problem documents, in alphabetical order."""
    return sorted({error.code for error in _subclasses(SpecwayError)} | _OTHER_CODES)


def _subclasses(base: type[SpecwayError]) -> Iterator[type[SpecwayError]]:
    for child in base.__subclasses__():
        yield child
        yield from _subclasses(child)


def describe(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A postprocessing hook: adds summaries, tags, examples, and the codes of problems."""
    add_examples(result)
    used = set()
    for path, item in result.get("paths", {}).items():
        tag = path.removeprefix("/api/v1/").partition("/")[0]
        used.add(tag)
        for method, operation in item.items():
            if method in _METHODS:
                operation["tags"] = [tag]
                operation.setdefault("summary", summary_of(operation))
    result["tags"] = [{"name": tag, "description": TAGS.get(tag, tag)} for tag in sorted(used)]
    _describe_codes(result.get("components", {}).get("schemas", {}))
    return result


def _describe_codes(schemas: dict[str, Any]) -> None:
    for name in _WITH_CODES & schemas.keys():
        code = schemas[name]["properties"]["code"]
        description = code.get("description", "Stable; for programs.")
        codes = [*all_codes(), *([""] if name in _CODE_MAY_BE_EMPTY else [])]
        schemas[name]["properties"]["code"] = one_of_or_new(codes) | {"description": description}


def one_of_or_new(known: list[str]) -> dict[str, Any]:
    """A schema that lists the known values. Others may be added, so any text is valid."""
    return {"anyOf": [{"type": "string", "enum": known}, {"type": "string"}]}


def summary_of(operation: dict[str, Any]) -> str:
    """The first sentence of the description, else the words of the operation's ID."""
    words = operation["operationId"].replace("_", " ").capitalize()
    text = operation.get("description", "").strip()
    ends = (match.end() for match in re.finditer(r"[.:?](?=\s)", text) if text.count("`", 0, match.start()) % 2 == 0)
    sentence = " ".join(text[: next(ends, len(text))].split()).rstrip(".:")
    return sentence if sentence and len(sentence) <= MAX_SUMMARY else words
