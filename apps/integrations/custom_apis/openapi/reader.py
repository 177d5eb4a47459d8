"""The whole description: version, name, where it is, how one signs in, and what can be called."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from apps.integrations.custom_apis.openapi.described import Call, Described, Note, storable
from apps.integrations.custom_apis.openapi.document import (
    UnreadableDocument,
    listing,
    mapping,
    named,
    parse,
    resolve,
    text_of,
)
from apps.integrations.custom_apis.openapi.security import schemes_in
from apps.integrations.custom_apis.openapi.servers import server_of
from apps.integrations.custom_apis.openapi.standard import faults

MAX_OPERATIONS = 5_000
MAX_NOTES = 50
MAX_FAULTS = 20
_METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
_READ = ("2.0", "3.0", "3.1")


def read_description(content: bytes, *, document_url: str = "") -> Described:
    """Read an API description (UTF-8; JSON or YAML, up to 10 MB).

    `document_url` is where it came from: relative addresses start there. What cannot be used is noted; raises
    UnreadableDocument where nothing can.
    """
    try:
        document, repeated = parse(content)
    except UnreadableDocument as broken:
        raise UnreadableDocument(f"{broken}{_usable(broken.so_far)}") from None
    version = _version(document)
    notes: list[Note] = []
    info = mapping(document.get("info"))
    base_url, params = server_of(document, document_url=document_url, notes=notes)
    if not base_url:
        notes.append(Note("host" if "swagger" in document else "servers", "Where the API is, is not said."))
    schemes = schemes_in(document, document_url=document_url, notes=notes)
    calls = list(islice(_calls(document, notes), MAX_OPERATIONS + 1))
    if len(calls) > MAX_OPERATIONS:
        notes.append(Note("paths", f"Only the first {MAX_OPERATIONS} operations were taken."))
    if not calls:
        notes.append(Note("paths", "No operation was found."))
    notes += [Note(key[:100], _twice(line)) for key, line in repeated]
    notes += _others(notes, faults(document, version, MAX_FAULTS))
    found = Described(
        version=version,
        name=text_of(info.get("title"), 100),
        description=text_of(info.get("summary") or info.get("description"), 60),
        base_url=base_url,
        params=tuple(params),
        schemes=tuple(schemes),
        operations=tuple(calls[:MAX_OPERATIONS]),
        notes=tuple(notes[:MAX_NOTES]),
    )
    return storable(found)


def _others(notes: list[Note], found: Iterable[Note]) -> Iterator[Note]:
    """Without those about a thing that is noted already, or about something below it."""
    places = tuple(note.where for note in notes if re.search(r"[.\[]", note.where))
    for note in found:
        if not any(note.where == place or note.where.startswith((f"{place}.", f"{place}[")) for place in places):
            yield note


def _twice(line: int | None) -> str:
    return f"This key stands twice in one place{f' (line {line})' if line else ''}. The last one was taken."


def _usable(so_far: Any) -> str:
    """What a broken document said before its fault, as a sentence to follow the one about the fault."""
    document = mapping(so_far)
    if not document:
        return ""
    name = text_of(mapping(document.get("info")).get("title"), 60)
    calls = sum(1 for _ in islice(_calls(document, []), MAX_OPERATIONS))
    schemes = len(schemes_in(document, document_url="", notes=[]))
    found = [
        f"the name “{name}”" if name else "",
        f"{calls} operation{'' if calls == 1 else 's'}" if calls else "",
        f"{schemes} way{'' if schemes == 1 else 's'} to sign in" if schemes else "",
    ]
    listed = ", ".join(filter(None, found))
    return f" Before that, {listed} could be read; nothing is stored." if listed else ""


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
