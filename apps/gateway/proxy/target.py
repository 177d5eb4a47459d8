"""The path and query of a call as they were sent, and which paths are refused. Pure."""

import re
from collections.abc import Collection, Mapping
from urllib.parse import quote, unquote, urlsplit

from django.utils.translation import gettext_noop

from apps.connections.errors import InvalidPath

# TRACE would return the credential that the call was sent with (RFC 9110 9.3.8); CONNECT asks for a tunnel.
METHODS_NEVER_SENT = frozenset({"TRACE", "CONNECT"})
_VISIBLE_ASCII = re.compile(r"[!-~]*")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# UTF-8 of an ASCII character in two to six bytes instead of one (RFC 3629 3), as Latin-1 text.
_OVERLONG = re.compile("(?:[\xc0\xc1]|(?:\xe0|\xf0\x80|\xf8\x80{2}|\xfc\x80{3})[\x80\x81])[\x80-\xbf]")
_SEPARATOR = re.compile(r"[/\\]")
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
    if f"{raw}/" == prefix:  # the slash was added by ApiSlashMiddleware
        return "", query
    if not raw.startswith(prefix):
        raise InvalidPath(gettext_noop("Send the URL up to /proxy/ without percent-encoding."))
    return raw.removeprefix(prefix), query


def split_host(path: str, names: Collection[str]) -> tuple[str, str]:
    """`(name, path)`: the named host that a path selects with `@name/…`, "" without one, and the rest of the path.

    A service without named hosts may use such paths itself. Raises InvalidPath for an unknown name.
    """
    first, _, rest = path.partition("/")
    if not names or not first.startswith("@"):
        return "", path
    name = first.removeprefix("@")
    if name not in names:
        known = ", ".join(f"@{each}" for each in sorted(names))
        raise InvalidPath(
            gettext_noop("There is no API host %(host)s. The hosts of this service are %(known)s.")
            % {"host": first[:60], "known": known}
        )
    return name, rest


def require_safe(path: str, query: str) -> None:
    """Raises InvalidPath for what could lead out of the service's API, also behind layers of percent-encoding.

    Encoded slashes and backslashes, and URLs inside a segment, are data of the service and pass: what is checked here
    is what is sent.
    """
    if not _VISIBLE_ASCII.fullmatch(path) or not _VISIBLE_ASCII.fullmatch(query):
        raise InvalidPath(gettext_noop("Percent-encode everything except visible ASCII in path and query."))
    if "#" in path or "#" in query:
        raise InvalidPath(gettext_noop("A # would end the URL. Percent-encode it."))
    if _BROKEN_ESCAPE.search(path):
        raise InvalidPath(
            gettext_noop("A % in the path must be followed by two hexadecimal digits. Write %25 for a literal %.")
        )
    if "\\" in path:
        raise InvalidPath(gettext_noop("The path contains \\, which some servers read as /. Percent-encode it."))
    # An @ is harmless: it separates user and host only before the first / of a URL, and we write that /.
    if "//" in path or path.startswith("/"):
        raise InvalidPath(gettext_noop("The path contains //, which could lead to another host. Percent-encode it."))
    _require_safe_layers(path)


def _require_safe_layers(path: str) -> None:
    text = path
    for _ in range(_MAX_LAYERS):
        text = _OVERLONG.sub(_decoded_overlong, text)
        if _CONTROL.search(text):
            raise InvalidPath(gettext_noop("The path contains a line break or another control character."))
        if any(segment.partition(";")[0] in (".", "..") for segment in _SEPARATOR.split(text)):
            raise InvalidPath(
                gettext_noop("The path contains a . or .. segment, which could lead out of the service's API.")
            )
        decoded = unquote(text, encoding="latin-1")
        if decoded == text:
            return
        text = decoded
    raise InvalidPath(gettext_noop("The path is percent-encoded too many times."))


def _decoded_overlong(sequence: re.Match[str]) -> str:
    """The ASCII character that lenient decoders read from an overlong UTF-8 sequence."""
    return chr((ord(sequence[0][-2]) & 1) << 6 | ord(sequence[0][-1]) & 0x3F)
