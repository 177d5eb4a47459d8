"""The path and query of a call as they were sent, and which paths are not sent on. Pure."""

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

from apps.connections.errors import InvalidPath

_SENDABLE = re.compile(r"[!-~]*")
_HALF_ENCODED = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# How often something may be percent-encoded: servers in a row may each decode it once.
_ROUNDS = 4


def as_sent(environ: Mapping[str, object], *, path: str, rest: str) -> tuple[str, str]:
    """`(rest, query)` in the spelling of the request line, where WSGI's own path is decoded already.

    `path` is the decoded path of the request, `rest` the end of it that belongs to the service. Servers that do not
    tell the request line get the decoded path encoded anew.
    """
    line = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if not line:
        return quote(rest, safe="/:@!$&'()*+,;=~"), str(environ.get("QUERY_STRING", ""))
    raw, _, query = str(line).partition("?")
    if not raw.startswith("/"):
        raw = urlsplit(raw).path
    prefix = path.removesuffix(rest)
    if not raw.startswith(prefix):
        raise InvalidPath("Write the address up to /proxy/ without percent-encoding.")
    return raw.removeprefix(prefix), query


def checked(rest: str, query: str) -> None:
    """Raises InvalidPath for what could lead elsewhere, however often it is percent-encoded."""
    if not _SENDABLE.fullmatch(rest) or not _SENDABLE.fullmatch(query):
        raise InvalidPath("Percent-encode what is not printable ASCII in path and query.")
    if "#" in rest or "#" in query:
        raise InvalidPath("A # ends an address. Percent-encode it.")
    if _HALF_ENCODED.search(rest):
        raise InvalidPath("A % in the path must be followed by two hexadecimal digits. Write %25 for the sign itself.")
    text = rest
    for _ in range(_ROUNDS):
        _refuse(text)
        decoded = unquote(text, encoding="latin-1")
        if decoded == text:
            return
        text = decoded
    raise InvalidPath("The path is percent-encoded too many times.")


def _refuse(text: str) -> None:
    if _CONTROL.search(text):
        raise InvalidPath("The path holds a line break or another control character.")
    # An @ may stand: it tells user and host apart only before the first / of an address, and that / is put by us.
    if "\\" in text:
        raise InvalidPath("The path holds \\, which could lead to another host.")
    if "//" in text or text.startswith("/"):
        raise InvalidPath("The path holds //, which could lead to another host.")
    if any(segment.partition(";")[0] in (".", "..") for segment in text.split("/")):
        raise InvalidPath("The path holds . or .. as a segment, which could lead out of the service's API.")
