"""Reads the base URL: servers and their variables (OpenAPI 3), or scheme, host and base path (Swagger 2)."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from apps.integrations.catalog import patterns
from apps.integrations.custom_apis.openapi.described import Note
from apps.integrations.custom_apis.openapi.document import listing, mapping, text_of

Params = list[dict[str, Any]]
_VARIABLE = re.compile(r"\{([^{}]{1,60})\}")
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = rf"(?:{_LABEL}\.)+[A-Za-z]{{2,}}"
_SEGMENT = "[A-Za-z0-9._~-]+"
_FITTING = re.compile(r"[A-Za-z0-9._~:-]{1,100}")


def server_of(document: Mapping[str, Any], *, document_url: str, notes: list[Note]) -> tuple[str, Params]:
    """`(base URL, parameters)` of the first usable server; ("", []) where there is none."""
    if "swagger" in document:
        return _swagger_server(document, document_url), []
    servers = listing(document.get("servers")) or [{"url": "/"}]
    for position, server in enumerate(servers[:50]):
        url, params = _server(mapping(server), document_url)
        if url:
            return url, params
        notes.append(Note(f"servers[{position}]", "Requests cannot be sent to this URL."))
    return "", []


def _swagger_server(document: Mapping[str, Any], document_url: str) -> str:
    near = urlsplit(document_url)
    host = text_of(document.get("host"), 300) or near.netloc
    schemes = [scheme for scheme in listing(document.get("schemes")) if scheme in ("https", "http")]
    scheme = "https" if "https" in schemes or not schemes else "http"
    if not schemes and near.scheme in ("https", "http"):
        scheme = near.scheme
    path = text_of(document.get("basePath"), 300).strip("/")
    return f"{scheme}://{host}/{path}".rstrip("/") if host else ""


def _server(server: Mapping[str, Any], document_url: str) -> tuple[str, Params]:
    url = text_of(server.get("url"), 2_000).split("#")[0].split("?")[0]
    variables = mapping(server.get("variables"))
    url = _with_scheme(url, variables)
    if url.startswith("//"):
        url = f"https:{url}"
    if not re.match(r"https?://|\{", url):
        url = urljoin(document_url, url) if document_url else ""
    if not re.match(r"https?://[^/]|\{[^}]+\}(/|$)", url):
        return "", []
    params: Params = []
    for raw in dict.fromkeys(_VARIABLE.findall(url)):
        param = _param(raw, mapping(variables.get(raw)), url, taken={param["name"] for param in params})
        url = url.replace(f"{{{raw}}}", f"{{{param['name']}}}")
        params.append(param)
    return url.rstrip("/"), params


def _with_scheme(url: str, variables: Mapping[str, Any]) -> str:
    """The URL with a variable for its scheme replaced: https, unless the document only lists http."""
    match = re.match(r"\{([^{}]+)\}://", url)
    if not match:
        return url
    variable = mapping(variables.get(match[1]))
    offered = [*listing(variable.get("enum")), variable.get("default")]
    scheme = "http" if "http" in offered and "https" not in offered else "https"
    return f"{scheme}://{url[match.end() :]}"


def _param(raw: str, variable: Mapping[str, Any], url: str, *, taken: set[str]) -> dict[str, Any]:
    name = re.sub(r"[^a-z0-9]+", "_", raw.lower()).strip("_") or "value"
    name = name if name[0].isalpha() else f"p_{name}"
    while name in taken or name in ("access_token", "client_id", "client_secret", "random", "key", "username"):
        name += "_"
    choices = [text_of(item, 100) for item in listing(variable.get("enum"))[:50]]
    choices = [choice for choice in choices if _FITTING.fullmatch(choice)]
    pattern = "|".join(re.escape(choice) for choice in choices) or _pattern(raw, url)
    default = text_of(variable.get("default"), 100)
    default = default if patterns.fullmatch(pattern, default) else ""
    example = default or (choices[0] if choices else _example(raw, url))
    is_placeholder = not choices and re.fullmatch(r"(your|my|example).*|x+|subdomain|domain|tenant", default, re.I)
    return {
        "name": name,
        "label": raw.replace("_", " ").replace("-", " ").strip().capitalize()[:60] or "Value",
        "pattern": pattern,
        "example": example,
        "source": "user",
        "default": "" if is_placeholder else default,
        "hint": text_of(variable.get("description"), 200),
    }


def _pattern(raw: str, url: str) -> str:
    place, shape = url.find(f"{{{raw}}}"), f"{{{raw}}}"
    netloc = url.partition("://")[2].partition("/")[0]
    if place == 0:
        return rf"https://{_HOST}"
    if shape not in netloc:
        return _SEGMENT
    if f":{shape}" in netloc:
        return "[0-9]{1,5}"
    return _HOST if netloc.partition(":")[0] == shape else _LABEL


def _example(raw: str, url: str) -> str:
    pattern = _pattern(raw, url)
    examples = {_SEGMENT: "v1", "[0-9]{1,5}": "443", _HOST: "api.example.com", _LABEL: "acme"}
    return examples.get(pattern, "https://api.example.com")
