"""Reads the operations of a document: method, path, scopes, and the server where it is not that of the API."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext_noop

from apps.integrations.custom_apis.openapi.described import Call, Note
from apps.integrations.custom_apis.openapi.document import listing, mapping, named, resolve, text_of
from apps.integrations.custom_apis.openapi.hosts import OwnServers

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "query")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,10}")


def calls_in(document: Mapping[str, Any], servers: OwnServers, notes: list[Note]) -> Iterator[Call]:
    """Every operation that can be called; the others are noted."""
    default_security = document.get("security")
    for path, node in named(document.get("paths")):
        if not path.startswith("/"):
            if not path.startswith("x-"):
                notes.append(Note(f"paths.{path[:100]}", gettext_noop("A path must begin with a slash.")))
            continue
        item, reason = resolve(document, node)
        if item is None:
            notes.append(Note(f"paths.{path[:100]}", reason))
            continue
        for key, method, operation in _operations(item):
            where = f"paths.{path[:100]}.{key[:40]}"
            if not isinstance(operation, dict):
                notes.append(Note(where, gettext_noop("It is not a mapping.")))
                continue
            host = servers.host_of(operation.get("servers") or item.get("servers"))
            if host is None:
                notes.append(
                    Note(
                        f"{where}.servers",
                        gettext_noop("Its server cannot be used, or the document has too many: it was left out."),
                    )
                )
                continue
            scopes = _scopes(operation.get("security", default_security))
            yield _call(method, path, _summary(operation), scopes, host)


def _operations(item: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """`(key, method, operation)` of a path. OpenAPI 3.2 lists unusual methods in a mapping of their own."""
    for method in _METHODS:
        if item.get(method) is not None:
            yield method, method.upper(), item[method]
    for method, operation in named(mapping(item.get("additionalOperations"))):
        if _TOKEN.fullmatch(method):
            yield f"additionalOperations.{method}", method, operation


def _summary(operation: Mapping[str, Any]) -> str:
    return text_of(operation.get("summary") or operation.get("operationId") or operation.get("description"), 300)


def _call(method: str, path: str, summary: str, scopes: tuple[str, ...], host: str) -> Call:
    """A fragment only distinguishes operations of the same path; it is not sent, and becomes part of the label."""
    target, _, fragment = path.partition("#")
    label = summary or (f"{method} {path}" if fragment else "")
    return Call(method, target[:1000], label[:300], scopes, host)


def _scopes(security: Any) -> tuple[str, ...]:
    """Those of the first alternative that lists any."""
    for requirement in listing(security)[:20]:
        for _, names in named(requirement):
            scopes = [name[:200] for name in listing(names)[:50] if isinstance(name, str)]
            if scopes:
                return tuple(scopes)
    return ()
