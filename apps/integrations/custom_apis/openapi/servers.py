"""Reads base URLs: servers and their variables (OpenAPI 3), or scheme, host and base path (Swagger 2)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.utils.translation import gettext_noop

from apps.integrations.catalog import patterns
from apps.integrations.custom_apis.openapi.described import Note, Server
from apps.integrations.custom_apis.openapi.document import listing, mapping, text_of

MOST = 50
_VARIABLE = re.compile(r"\{([^{}]{1,60})\}")
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = rf"(?:{_LABEL}\.)+[A-Za-z]{{2,}}"
_SEGMENT = "[A-Za-z0-9._~-]+"
_PORT = "[0-9]{1,5}"
_ORIGIN = rf"https://{_HOST}"
_EXAMPLES = {_SEGMENT: "v1", _PORT: "443", _HOST: "api.example.com", _LABEL: "acme", _ORIGIN: "https://api.example.com"}
# A host with an empty label or port: what stood there needs a value.
_BROKEN_HOST = re.compile(r"^[./:]|\.\.|[.:]/|\.:")
_SAFE_VALUE = re.compile(r"[A-Za-z0-9._~:/-]{0,100}")
# Defaults that stand for a value of one's own.
_PLACEHOLDER_VALUE = re.compile(r"(your|my|example).*|x+|subdomain|domain|tenant", re.IGNORECASE)
_RESERVED_NAMES = ("access_token", "client_id", "client_secret", "random", "key", "username", "password")


def servers_of(document: Mapping[str, Any], *, document_url: str, notes: list[Note]) -> list[Server]:
    """The usable servers, each URL once; the others are noted."""
    if "swagger" in document:
        url = _swagger_url(document, document_url)
        return [Server(url)] if url else []
    found: dict[str, Server] = {}
    for position, item in enumerate((listing(document.get("servers")) or [{"url": "/"}])[:MOST]):
        server = server_in(mapping(item), document_url)
        if server is None:
            notes.append(Note(f"servers[{position}]", gettext_noop("Requests cannot be sent to this URL.")))
        else:
            found.setdefault(server.url, server)
    return list(found.values())


def _swagger_url(document: Mapping[str, Any], document_url: str) -> str:
    origin = urlsplit(document_url)
    host = text_of(document.get("host"), 300) or origin.netloc
    schemes = [scheme for scheme in listing(document.get("schemes")) if scheme in ("https", "http")]
    scheme = "https" if "https" in schemes or not schemes else "http"
    if not schemes and origin.scheme in ("https", "http"):
        scheme = origin.scheme
    path = text_of(document.get("basePath"), 300).strip("/")
    return f"{scheme}://{host}/{path}".rstrip("/") if host else ""


def server_in(item: Mapping[str, Any], relative_to: str) -> Server | None:
    """The server that an item of `servers` describes; None if requests cannot be sent to it. A relative URL continues
    `relative_to`."""
    variables = mapping(item.get("variables"))
    url = _with_scheme(text_of(item.get("url"), 2_000).split("#")[0].split("?")[0], variables)
    params: list[dict[str, Any]] = []
    for raw in dict.fromkeys(_VARIABLE.findall(url)):
        variable = mapping(variables.get(raw))
        value = _fixed_value(raw, variable, url)
        if value is None:
            param = _param(raw, variable, url, taken={param["name"] for param in params})
            params.append(param)
            value = f"{{{param['name']}}}"
        url = url.replace(f"{{{raw}}}", value)
    url = _absolute(url, relative_to)
    if not re.match(r"https?://[^/]|\{[^}]+\}(/|$)", url):
        return None
    return Server(url.rstrip("/"), tuple(params), text_of(item.get("description"), 100))


def _absolute(url: str, relative_to: str) -> str:
    """The URL; a relative one continues `relative_to`: for servers of the whole document that is the document's URL
    (OpenAPI 3.1 4.8.5), which an uploaded one does not have."""
    if url.startswith("//"):
        return f"https:{url}"
    if re.match(r"https?://|\{", url):
        return re.sub(r"(?<!:)//+", "/", url)
    return urljoin(relative_to, url) if relative_to else ""


def _with_scheme(url: str, variables: Mapping[str, Any]) -> str:
    """The URL with a variable for its scheme replaced: https, unless the document only lists http."""
    match = re.match(r"\{([^{}]+)\}://", url)
    if not match:
        return url
    variable = mapping(variables.get(match[1]))
    offered = [*listing(variable.get("enum")), variable.get("default")]
    scheme = "http" if "http" in offered and "https" not in offered else "https"
    return f"{scheme}://{url[match.end() :]}"


def _fixed_value(raw: str, variable: Mapping[str, Any], url: str) -> str | None:
    """The value of a variable that is not a choice: its only value, or a default that is more than one host label, port
    or path segment. None for a variable that becomes a parameter."""
    choices = _choices(variable)
    if len(choices) == 1:
        return choices[0]
    if "default" not in variable:
        return None
    default = text_of(variable["default"], 100)
    if not _SAFE_VALUE.fullmatch(default):
        return None
    if choices:
        # A parameter may not hold a slash where it is attached to the host.
        return default if any("/" in choice for choice in choices) and _is_in_host(raw, url) else None
    if not default and _BROKEN_HOST.search(f"{_netloc(url)}/".replace(f"{{{raw}}}", "")):
        return None
    fits = bool(default) and patterns.fullmatch(_pattern(raw, url), default)
    return None if fits and not default.startswith("http") else default.rstrip("/")


def _choices(variable: Mapping[str, Any]) -> list[str]:
    values = (text_of(item, 100) for item in listing(variable.get("enum"))[:MOST])
    return list(dict.fromkeys(value for value in values if value and _SAFE_VALUE.fullmatch(value)))


def _param(raw: str, variable: Mapping[str, Any], url: str, *, taken: set[str]) -> dict[str, Any]:
    choices = _choices(variable)
    pattern = "|".join(re.escape(choice) for choice in choices) or _pattern(raw, url)
    default = text_of(variable.get("default"), 100)
    default = default if patterns.fullmatch(pattern, default) else ""
    is_placeholder = not choices and _PLACEHOLDER_VALUE.fullmatch(default)
    return {
        "name": _name(raw, taken),
        "label": raw.replace("_", " ").replace("-", " ").strip().capitalize()[:60] or "Value",
        "pattern": pattern,
        "example": default or (choices[0] if choices else _EXAMPLES[_pattern(raw, url)]),
        "source": "user",
        "default": "" if is_placeholder else default,
        "hint": text_of(variable.get("description"), 200),
    }


def _name(raw: str, taken: set[str]) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", raw.lower()).strip("_") or "value"
    name = name if name[0].isalpha() else f"p_{name}"
    while name in taken or name in _RESERVED_NAMES:
        name += "_"
    return name


def _pattern(raw: str, url: str) -> str:
    """What a value may be at the position of the variable."""
    shape = f"{{{raw}}}"
    if url.startswith(shape):
        return _ORIGIN
    if not _is_in_host(raw, url):
        return _SEGMENT
    netloc = _netloc(url)
    if f":{shape}" in netloc:
        return _PORT
    return _HOST if netloc.partition(":")[0] == shape else _LABEL


def _is_in_host(raw: str, url: str) -> bool:
    return f"{{{raw}}}" in _netloc(url)


def _netloc(url: str) -> str:
    return url.partition("://")[2].partition("/")[0]


def several(servers: list[Server]) -> Iterator[str]:
    """A line for each server, to choose from."""
    for server in servers:
        yield f"{server.url} ({server.label})" if server.label else server.url
