"""The API reference: the operations of the OpenAPI document as pages of help, in the product's frame and theme."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import escape, linebreaks
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from apps.teams.languages import in_language

METHODS = ("get", "post", "put", "patch", "delete")
LONGEST = 100  # characters of a search
_OWN_LABEL = re.compile(r"^\* `([^`\n]+)` - \1$\n?", re.MULTILINE)


@dataclass(frozen=True)
class Field:
    """A parameter, or a member of a body or of a response."""

    name: str
    kind: str
    is_required: bool
    text: SafeString


@dataclass(frozen=True)
class Answer:
    """A response: the status code, what it means, and the members of its document."""

    code: str
    title: str
    fields: list[Field]


@dataclass(frozen=True)
class Operation:
    """One operation of the API."""

    id: str
    verb: str
    path: str
    title: str
    text: SafeString
    parameters: list[Field]
    body: list[Field]
    answers: list[Answer]
    # What the search looks in, in lower case.
    words: str
    # A request with curl, and what an example of the response holds ("" if the document has none).
    request: str
    response: str


@dataclass(frozen=True)
class Tag:
    """Operations on one kind of thing."""

    name: str
    text: str
    operations: list[Operation]


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """All operations, or the one that `operation` (its operationId) names. Public, as the document is.

    `q`: only operations with all of these words are listed, which the page's script does without a request.
    """
    chosen, query = request.GET.get("operation", ""), request.GET.get("q", "")[:LONGEST].strip()
    found = next((each for tag in tags() for each in tag.operations if each.id == chosen), None)
    if chosen and found is None:
        raise Http404
    layout = "base.html" if request.user.is_authenticated else "open.html"
    context = {"layout": layout, "tags": tags(), "operation": found, "query": query, "found": _matching(query)}
    return render(request, "web/api_reference.html", context)


def _matching(query: str) -> set[str]:
    """The IDs of the operations that have all words of the query."""
    words = query.lower().split()
    return {each.id for tag in tags() for each in tag.operations if all(word in each.words for word in words)}


@cache
def tags() -> list[Tag]:
    """The operations of the document by tag. It is the same for everyone, so it is made once, in English."""
    with in_language(""):
        document = SchemaGenerator().get_schema(request=None, public=True)
    found: dict[str, Tag] = {each["name"]: Tag(each["name"], each["description"], []) for each in document["tags"]}
    for path, methods in document["paths"].items():
        for verb in METHODS:
            if verb in methods:
                operation = _operation(document, path, verb, methods[verb])
                found[methods[verb]["tags"][0]].operations.append(operation)
    return [tag for tag in found.values() if tag.operations]


def _operation(document: Mapping[str, Any], path: str, verb: str, said: Mapping[str, Any]) -> Operation:
    content: dict[str, Any] = said.get("requestBody", {}).get("content", {})
    body: dict[str, Any] = content.get("application/json") or next(iter(content.values()), {})
    title = (said.get("summary") or said["operationId"].replace("_", " ").capitalize()).replace("`", "")
    words = (verb, path, title, said["operationId"], *said["tags"], said.get("description", "").replace("`", ""))
    return Operation(
        id=said["operationId"],
        verb=verb.upper(),
        path=path,
        title=title,
        words=" ".join(" ".join(words).lower().split()),
        request=_curl(verb.upper(), path, body.get("example")),
        response=_example_of(document, said["responses"]),
        text=_text(said.get("description", "")),
        parameters=[_parameter(document, _resolved(document, each)) for each in said.get("parameters", [])],
        body=list(_members(document, body.get("schema", {}))),
        answers=[_answer(document, code, _resolved(document, each)) for code, each in said["responses"].items()],
    )


def _curl(verb: str, path: str, body: Any) -> str:
    """The request as one types it. Parameters of the path stay in braces."""
    method = "" if verb == "GET" else f"-X {verb} "
    lines = [f"curl {method}{shlex.quote(settings.PUBLIC_URL + path)}", '-H "Authorization: Bearer $SPECWAY_KEY"']
    if body is not None:
        lines += ['-H "Content-Type: application/json"', f"-d {shlex.quote(json.dumps(body, ensure_ascii=False))}"]
    return " \\\n  ".join(lines)


def _example_of(document: Mapping[str, Any], responses: Mapping[str, Any]) -> str:
    succeeded = (_resolved(document, said) for code, said in responses.items() if code.startswith("2"))
    contents = (content for said in succeeded for content in said.get("content", {}).values())
    found = next((content["example"] for content in contents if "example" in content), None)
    return "" if found is None else json.dumps(found, ensure_ascii=False, indent=2)


def _parameter(document: Mapping[str, Any], said: Mapping[str, Any]) -> Field:
    kind = f"{said['in']}, {_kind(document, said.get('schema', {}))}"
    return Field(said["name"], kind, bool(said.get("required")), _text(said.get("description", "")))


def _answer(document: Mapping[str, Any], code: str, said: Mapping[str, Any]) -> Answer:
    content: dict[str, Any] = said.get("content", {})
    is_problem = "application/problem+json" in content
    first: dict[str, Any] = next(iter(content.values()), {})
    schema = first.get("schema", {})
    # All problem documents have the same members, which the page describes once.
    return Answer(code, said.get("description", ""), [] if is_problem else list(_members(document, schema)))


def _members(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Field]:
    resolved = _resolved(document, schema)
    if resolved.get("type") == "array":
        resolved = _resolved(document, resolved.get("items", {}))
    for part in resolved.get("allOf", resolved.get("oneOf", [])):
        yield from _members(document, part)
    for name, said in resolved.get("properties", {}).items():
        text = _text(said.get("description", "") or _resolved(document, said).get("description", ""))
        yield Field(name, _kind(document, said), name in resolved.get("required", []), text)


def _kind(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """The type in words: "array of string", "string (uuid)", "one of a, b"."""
    resolved = _resolved(document, schema)
    if parts := resolved.get("allOf") or resolved.get("oneOf") or resolved.get("anyOf"):
        return " or ".join(dict.fromkeys(_kind(document, part) for part in parts))
    if values := resolved.get("enum"):
        return f"one of {', '.join(map(str, values))}"
    kinds = resolved.get("type", "any")
    kind = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    if kind == "array":
        return f"array of {_kind(document, resolved.get('items', {}))}"
    return f"{kind} ({resolved['format']})" if resolved.get("format") else kind


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema, or the component that it refers to."""
    if "$ref" not in schema:
        return schema
    found: Any = document
    for name in schema["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return {**found, **{key: value for key, value in schema.items() if key != "$ref"}}


def _text(words: str) -> SafeString:
    """Paragraphs, with what is in backticks as code. Without lists of values that are their own labels."""
    words = _OWN_LABEL.sub("", words)
    html = linebreaks(escape(words)) if words else ""
    return mark_safe(re.sub(r"`([^`<]+)`", r"<code>\1</code>", html))  # noqa: S308 - escaped above
