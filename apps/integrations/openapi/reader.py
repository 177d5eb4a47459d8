"""The whole description: version, name, where it is, how one signs in, and what can be called."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from apps.integrations.openapi.described import Call, Described, Note
from apps.integrations.openapi.document import UnreadableDocument, listing, mapping, named, parse, resolve, text_of
from apps.integrations.openapi.security import schemes_in
from apps.integrations.openapi.servers import server_of

MOST_OPERATIONS = 5_000
MOST_NOTES = 50
_METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
_READ = ("2.0", "3.0", "3.1")


def read_description(content: bytes, *, document_url: str = "") -> Described:
    """Read an API description (UTF-8; JSON up to 10 MB, YAML up to 4 MB).

    `document_url` is where it came from: relative addresses start there. What cannot be used is noted; raises
    UnreadableDocument where nothing can.
    """
    document = parse(content)
    version = _version(document)
    notes: list[Note] = []
    info = mapping(document.get("info"))
    base_url, params = server_of(document, document_url=document_url, notes=notes)
    if not base_url:
        notes.append(Note("host" if "swagger" in document else "servers", "Where the API is, is not said."))
    schemes = schemes_in(document, document_url=document_url, notes=notes)
    calls = list(islice(_calls(document, notes), MOST_OPERATIONS + 1))
    if len(calls) > MOST_OPERATIONS:
        notes.append(Note("paths", f"Only the first {MOST_OPERATIONS} operations were taken."))
    if not calls:
        notes.append(Note("paths", "No operation was found."))
    return Described(
        version=version,
        name=text_of(info.get("title"), 100),
        description=text_of(info.get("summary") or info.get("description"), 60),
        base_url=base_url,
        params=tuple(params),
        schemes=tuple(schemes),
        operations=tuple(calls[:MOST_OPERATIONS]),
        notes=tuple(notes[:MOST_NOTES]),
    )


def _version(document: Mapping[str, Any]) -> str:
    said = text_of(document.get("openapi") or document.get("swagger"), 20)
    if not said:
        raise UnreadableDocument(
            "The document has neither “openapi” nor “swagger” with a version: it describes no API."
        )
    version = ".".join(said.split(".")[:2])
    if version not in _READ or (version == "2.0") != ("swagger" in document and "openapi" not in document):
        raise UnreadableDocument(f"The document is of version {said}. OpenAPI 3.0 and 3.1 and Swagger 2.0 can be read.")
    return said


def _calls(document: Mapping[str, Any], notes: list[Note]) -> Iterator[Call]:
    whole = document.get("security")
    for path, node in named(document.get("paths")):
        if not path.startswith("/"):
            if not path.startswith("x-"):
                notes.append(Note(f"paths.{path[:100]}", "A path begins with a slash."))
            continue
        item, why = resolve(document, node)
        if item is None:
            notes.append(Note(f"paths.{path[:100]}", why))
            continue
        for method in _METHODS:
            call = item.get(method)
            if isinstance(call, dict):
                summary = text_of(call.get("summary") or call.get("operationId") or call.get("description"), 300)
                yield Call(method.upper(), path[:1000], summary, _scopes(call.get("security", whole)))
            elif call is not None:
                notes.append(Note(f"paths.{path[:100]}.{method}", "It is not a mapping."))


def _scopes(security: Any) -> tuple[str, ...]:
    """Those of the first alternative that names any."""
    for requirement in listing(security)[:20]:
        for _, names in named(requirement):
            fitting = [name[:200] for name in listing(names)[:50] if isinstance(name, str)]
            if fitting:
                return tuple(fitting)
    return ()
