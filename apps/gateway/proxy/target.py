"""The path and query of a call as they were sent, and which paths are refused. Pure."""

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

from apps.connections.errors import InvalidPath

_VISIBLE_ASCII = re.compile(r"[!-~]*")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# How many layers of percent-encoding are looked through: each server on the way may decode one.
_MAX_LAYERS = 4


def raw_target(environ: Mapping[str, object], *, path: str, service_path: str) -> tuple[str, str]:
    """`(path, query)` for the service, percent-encoded as in the request line; WSGI's own path is already decoded.

    `path` is the decoded path of the request, `service_path` the end of it that belongs to the service. Servers that
    do not expose the request line get the decoded path encoded anew.
    """
    request_target = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if not request_target:
        return quote(service_path, safe="/:@!$&'()*+,;=~"), str(environ.get("QUERY_STRING", ""))
    raw, _, query = str(request_target).partition("?")
    if not raw.startswith("/"):
        raw = urlsplit(raw).path
    prefix = path.removesuffix(service_path)
    if not raw.startswith(prefix):
        raise InvalidPath("Send the URL up to /proxy/ without percent-encoding.")
    return raw.removeprefix(prefix), query


def require_safe(path: str, query: str) -> None:
    """Raises InvalidPath for what could lead elsewhere, through any number of layers of percent-encoding."""
    if not _VISIBLE_ASCII.fullmatch(path) or not _VISIBLE_ASCII.fullmatch(query):
        raise InvalidPath("Percent-encode everything except visible ASCII in path and query.")
    if "#" in path or "#" in query:
        raise InvalidPath("A # would end the URL. Percent-encode it.")
    if _BROKEN_ESCAPE.search(path):
        raise InvalidPath("A % in the path must be followed by two hexadecimal digits. Write %25 for a literal %.")
    text = path
    for _ in range(_MAX_LAYERS):
        _require_safe_layer(text)
        decoded = unquote(text, encoding="latin-1")
        if decoded == text:
            return
        text = decoded
    raise InvalidPath("The path is percent-encoded too many times.")


def _require_safe_layer(text: str) -> None:
    if _CONTROL.search(text):
        raise InvalidPath("The path contains a line break or another control character.")
    # An @ is harmless: it separates user and host only before the first / of a URL, and we write that /.
    if "\\" in text:
        raise InvalidPath("The path contains \\, which could lead to another host.")
    if "//" in text or text.startswith("/"):
        raise InvalidPath("The path contains //, which could lead to another host.")
    if any(segment.partition(";")[0] in (".", "..") for segment in text.split("/")):
        raise InvalidPath("The path contains a . or .. segment, which could lead out of the service's API.")
