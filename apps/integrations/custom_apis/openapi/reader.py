"""Reads a whole API document: version, name, servers, security schemes and operations."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from django.utils.translation import gettext, gettext_noop, ngettext

from apps.integrations.custom_apis.openapi.calls import calls_in
from apps.integrations.custom_apis.openapi.described import Described, Note, storable
from apps.integrations.custom_apis.openapi.document import (
    UnreadableDocument,
    is_external,
    mapping,
    named,
    parse,
    text_of,
)
from apps.integrations.custom_apis.openapi.hosts import OwnServers
from apps.integrations.custom_apis.openapi.security import schemes_in
from apps.integrations.custom_apis.openapi.servers import servers_of
from apps.integrations.custom_apis.openapi.standard import faults

MAX_OPERATIONS = 5_000
MAX_NOTES = 50
MAX_FAULTS = 20
_READ = ("2.0", "3.0", "3.1", "3.2")
_NO_URL = gettext_noop("The URL of the API is missing.")
_CUT = gettext_noop("Only the first %(max_operations)s operations were imported.")


def read_description(content: bytes, *, document_url: str = "", base_url: str = "") -> Described:
    """Read an API document (UTF-8; JSON or YAML, up to 10 MB).

    `document_url` is the URL it was fetched from, if any: relative server URLs are relative to it. All other relative
    URLs are relative to `base_url`, or to the first server (OpenAPI 3.1 4.6). Unusable parts are noted; raises
    UnreadableDocument where nothing can be used.
    """
    try:
        document, repeated = parse(content)
    except UnreadableDocument as broken:
        raise UnreadableDocument(f"{broken}{_summary(broken.so_far)}") from None
    version = _version(document)
    _require_one_file(document)
    notes: list[Note] = []
    info = mapping(document.get("info"))
    servers = servers_of(document, document_url=document_url, notes=notes)
    if not servers:
        notes.append(Note("host" if "swagger" in document else "servers", _NO_URL))
    schemes = schemes_in(document, base_url=base_url or (servers[0].url if servers else ""), notes=notes)
    own = OwnServers(servers, base_url=base_url, document_url=document_url)
    calls = list(islice(calls_in(document, own, notes), MAX_OPERATIONS + 1))
    if len(calls) > MAX_OPERATIONS:
        notes.append(Note("paths", _CUT % {"max_operations": MAX_OPERATIONS}))
    if not calls:
        notes.append(Note("paths", gettext_noop("No operation was found.")))
    notes += [Note(key[:100], _repeated_key(line)) for key, line in repeated]
    notes += _new_notes(notes, faults(document, version, MAX_FAULTS))
    described = Described(
        version=version,
        name=text_of(info.get("title"), 100),
        description=text_of(info.get("summary") or info.get("description"), 60),
        servers=tuple(servers),
        schemes=tuple(schemes),
        operations=tuple(calls[:MAX_OPERATIONS]),
        notes=tuple(notes[:MAX_NOTES]),
        hosts=tuple(own.hosts),
    )
    return storable(described)


def _new_notes(notes: list[Note], candidates: Iterable[Note]) -> Iterator[Note]:
    """Those that are not about a noted part of the document, or below one."""
    noted = tuple(note.where for note in notes if re.search(r"[.\[]", note.where))
    for note in candidates:
        if not any(note.where == path or note.where.startswith((f"{path}.", f"{path}[")) for path in noted):
            yield note


def _repeated_key(line: int | None) -> str:
    if not line:
        return gettext_noop("This key is repeated. The last value was used.")
    return gettext_noop("This key is repeated (line %(line)s). The last value was used.") % {"line": line}


def _summary(so_far: Any) -> str:
    """What a broken document contains before its error, as a message that follows the one about the error."""
    document = mapping(so_far)
    if not document:
        return ""
    name = text_of(mapping(document.get("info")).get("title"), 60)
    own = OwnServers([], base_url="", document_url="")
    calls = sum(1 for _ in islice(calls_in(document, own, []), MAX_OPERATIONS))
    schemes = len(schemes_in(document, base_url="", notes=[]))
    parts = [
        gettext("the name “%(name)s”") % {"name": name} if name else "",
        ngettext("%(n)s operation", "%(n)s operations", calls) % {"n": calls} if calls else "",
        ngettext("%(n)s security scheme", "%(n)s security schemes", schemes) % {"n": schemes} if schemes else "",
    ]
    listed = ", ".join(filter(None, parts))
    return (
        " " + gettext("Before that, %(listed)s could be read; nothing is saved.") % {"listed": listed} if listed else ""
    )


def _require_one_file(document: Mapping[str, Any]) -> None:
    """Raises UnreadableDocument for a document whose paths or security schemes are in other files."""
    for name, node in _essential_parts(document):
        if is_external(node):
            raise UnreadableDocument(
                gettext_noop(
                    "The document is split into several files: %(part)s refers to %(target)s. Bundle them into "
                    "one file first."
                )
                % {"part": name[:60], "target": node["$ref"][:100]}
            )


def _essential_parts(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    components = mapping(document.get("components"))
    collections = {name: document.get(name) for name in ("servers", "paths", "components")}
    collections |= {name: components.get(name) for name in ("securitySchemes", "pathItems")}
    yield from collections.items()
    for collection in (document.get("paths"), collections["securitySchemes"], document.get("securityDefinitions")):
        yield from named(collection)
    for path, item in named(document.get("paths")):
        yield from ((f"{path} {method}", operation) for method, operation in named(item))


def _require_openapi(document: Mapping[str, Any]) -> None:
    if "asyncapi" in document:
        raise UnreadableDocument(
            gettext_noop("This is an AsyncAPI document. It describes messages and not an HTTP API.")
        )
    info = mapping(document.get("info"))
    if "_postman_id" in info or "postman" in text_of(info.get("schema"), 200):
        raise UnreadableDocument(
            gettext_noop("This is a Postman collection. Convert it to OpenAPI first, or add the API by hand.")
        )


def _version(document: Mapping[str, Any]) -> str:
    _require_openapi(document)
    stated = text_of(document.get("openapi") or document.get("swagger"), 20)
    if not stated:
        raise UnreadableDocument(
            gettext_noop(
                "The document has neither “openapi” nor “swagger” with a version, so it does not describe an API."
            )
        )
    version = ".".join(stated.split(".")[:2])
    if version not in _READ or (version == "2.0") != ("swagger" in document and "openapi" not in document):
        raise UnreadableDocument(
            gettext_noop("Version %(stated)s is not supported. OpenAPI 3.0 to 3.2 and Swagger 2.0 are.")
            % {"stated": stated}
        )
    return stated
