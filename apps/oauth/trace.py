"""What may be kept of an exchange with an authorization server: names, types and sizes, never a secret. Pure.

Values are shown only if their names are on a list. Names come from the server too and may contain what it was sent, so
a name that contains a part of a secret is left out as well.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit, urlunsplit

from apps.errors import gettext_noop
from apps.oauth.errors import safe_code

Pairs = tuple[tuple[str, str], ...]

# Parameters whose values are no secret (RFC 6749, 7009, 7591, 7636, 8707).
PUBLIC_PARAMETERS = frozenset(
    {
        "audience",
        "client_id",
        "code_challenge_method",
        "grant_type",
        "redirect_uri",
        "resource",
        "response_type",
        "scope",
        "token_type_hint",
    }
)
_GRANTS = ("authorization_code", "refresh_token", "client_credentials")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-\[\]]{0,39}")
_MEDIA_TYPES = frozenset(
    {
        "application/json",
        "application/jwt",
        "application/octet-stream",
        "application/problem+json",
        "application/x-www-form-urlencoded",
        "application/xml",
        "text/html",
        "text/javascript",
        "text/plain",
        "text/xml",
    }
)
# Headers that never carry a secret; those of other names may hold a key.
_ORDINARY_HEADERS = frozenset(
    {"accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "host", "user-agent"}
)
_MOST = 60  # parameters or fields
_DEEPEST = 3
_SHORTEST_SECRET = 6  # a shorter one may be part of an ordinary word
_PART = 12


@dataclass(frozen=True)
class TraceLine:
    """One exchange. `parameters` are the request's with what may be shown of each, `fields` the response's names with
    their types; `what` names the call."""

    what: str
    method: str
    url: str
    authentication: str
    parameters: Pairs
    status: int | None
    content_type: str
    size: int
    fields: Pairs
    error: str
    milliseconds: int


_observer: ContextVar[Callable[[tuple[str, ...]], None] | None] = ContextVar("token_response_notes", default=None)


@contextmanager
def notes_observed(observer: Callable[[tuple[str, ...]], None]) -> Iterator[None]:
    """Calls `observer` with the notes of each token response that this thread reads until the block ends."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


def report_notes(notes: tuple[str, ...]) -> None:
    """Reports the notes of a token response to the observer, if there is one."""
    observer = _observer.get()
    if observer and notes:
        observer(notes)


def with_notes(line: TraceLine, notes: Iterable[str]) -> TraceLine:
    """The line with notes about its response among the fields."""
    return replace(line, fields=(*line.fields, *(("(note)", note) for note in notes)))


def trace_line(
    *,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | str | None,
    status: int | None,
    response_headers: Mapping[str, str],
    response: bytes,
    error: str,
    seconds: float,
) -> TraceLine:
    """What may be kept of a request and its response (`status` None: there was none, `error` says why)."""
    parts = urlsplit(url)
    sent = [*parse_qsl(parts.query, keep_blank_values=True), *_sent_in(body, headers.get("Content-Type", ""))]
    own = [(name, value) for name, value in headers.items() if name.lower() not in _ORDINARY_HEADERS]
    authorization = headers.get("Authorization", "")
    document = _document(response, response_headers.get("Content-Type", ""))
    ours = _secrets_of([*sent, *own], authorization, None)
    secrets = ours | _secrets_of(sent, authorization, document)
    fields = list(_fields(document, secrets))[:_MOST]
    code = document.get("error") if isinstance(document, dict) else None
    return TraceLine(
        what=_what(sent, parts.path, authorization),
        method=method[:10],
        url=_shown_url(url, ours),
        authentication=_authentication(authorization, dict(sent)),
        parameters=tuple((_name(name, ours), _shown(name, value, ours)) for name, value in sent[:_MOST]),
        status=status,
        content_type=_media_type(response_headers.get("Content-Type", "")),
        size=len(response),
        fields=tuple(fields),
        error=error[:300] or _code(code, ours),
        milliseconds=round(seconds * 1000),
    )


def _code(code: object, ours: Iterable[str]) -> str:
    """The OAuth error, unless the server echoes in its place what we sent."""
    if not code:
        return ""
    return "unrecognized" if _holds(str(code), ours) else safe_code(code)


def _sent_in(body: bytes | str | None, content_type: str) -> list[tuple[str, str]]:
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body or ""
    if "json" in content_type.lower():
        document = _json(text)
        items = document.items() if isinstance(document, dict) else ()
        return [(name, value if isinstance(value, str) else json.dumps(value)) for name, value in items]
    return parse_qsl(text, keep_blank_values=True)


def _document(response: bytes, content_type: str) -> Any:
    text = response.decode("utf-8", "replace")
    document = _json(text)
    if document is None and "form-urlencoded" in content_type.lower():
        return dict(parse_qsl(text, keep_blank_values=True))
    return document


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _secrets_of(sent: Iterable[tuple[str, str]], authorization: str, document: Any) -> set[str]:
    """All that was sent and is not on the list, in the forms in which it may come back, and every text that came."""
    shown = {value for name, value in sent if name in PUBLIC_PARAMETERS}
    values = {value for name, value in sent if name not in PUBLIC_PARAMETERS} | set(_texts(document))
    credentials = authorization.partition(" ")[2]
    values |= {credentials, *_pair(credentials)[1:]}
    values |= {unquote_plus(value) for value in values}
    return {value for value in values - shown if len(value) >= _SHORTEST_SECRET}


def _pair(credentials: str) -> list[str]:
    """Client ID and secret of HTTP Basic (RFC 7617), as they went; nothing for other schemes."""
    try:
        decoded = base64.b64decode(credentials, validate=True).decode()
    except ValueError:
        return []
    return [unquote_plus(part) for part in decoded.split(":", 1)] if ":" in decoded else []


def _texts(document: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif depth < 8 and isinstance(document, dict | list):
        for value in document.values() if isinstance(document, dict) else document:
            yield from _texts(value, depth + 1)


def _what(sent: Iterable[tuple[str, str]], path: str, authorization: str) -> str:
    given = dict(sent)
    if given.get("grant_type") in _GRANTS:
        return given["grant_type"]
    if "grant_type" in given:
        return "token"
    if "/.well-known/" in path:
        return "discovery"
    if "redirect_uris" in given:
        return "registration"
    if "token" in given:
        return "revocation"
    return "account" if authorization or "access_token" in given else "other"


def _authentication(authorization: str, sent: Mapping[str, str]) -> str:
    scheme, _, credentials = authorization.partition(" ")
    if scheme == "Basic" and (pair := _pair(credentials)):
        return gettext_noop("client_secret_basic, client ID %(client_id)s") % {"client_id": pair[0][:200]}
    if scheme:
        return gettext_noop("bearer token") if scheme.lower() == "bearer" else gettext_noop("Authorization header")
    return "client_secret_post" if "client_secret" in sent else ""


def _shown(name: str, value: str, secrets: Iterable[str]) -> str:
    if name not in PUBLIC_PARAMETERS or _holds(value, secrets):
        return gettext_noop("(%(n)s characters, not kept)") % {"n": len(value)}
    return value[:300] if value.isprintable() else gettext_noop("(not text)")


def _shown_url(url: str, secrets: Iterable[str]) -> str:
    """Without query and fragment; a step of the path that holds a secret is left out."""
    parts = urlsplit(url)
    steps = ["…" if _holds(unquote(step), secrets) else step for step in parts.path.split("/")]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, "/".join(steps), "", ""))[:500]


def _fields(document: Any, secrets: set[str], prefix: str = "", depth: int = 1) -> Iterator[tuple[str, str]]:
    if not isinstance(document, dict):
        if document is not None and not prefix:
            yield gettext_noop("(the answer)"), _type(document)
        return
    for name, value in list(document.items())[:_MOST]:
        path = f"{prefix}{_name(str(name), secrets)}"
        yield path, _type(value)
        if isinstance(value, dict) and depth < _DEEPEST:
            yield from _fields(value, secrets, f"{path}.", depth + 1)


def _name(name: str, secrets: Iterable[str]) -> str:
    return name if _NAME.fullmatch(name) and not _holds(name, secrets) else gettext_noop("(unusual name)")


def _holds(text: str, secrets: Iterable[str]) -> bool:
    """A short secret, or a part of a long one, in upper or lower case: servers fold the case of some names."""
    text = text.lower()
    parts = {text[start : start + _PART] for start in range(len(text) - _PART + 1)}
    lowered = [secret.lower() for secret in secrets]
    return any(secret in text or any(part in secret for part in parts) for secret in lowered)


def _type(value: Any) -> str:
    if isinstance(value, list):
        return gettext_noop("list of %(n)s") % {"n": len(value)}
    if value is None or isinstance(value, bool):
        return "null" if value is None else gettext_noop("true or false")
    if isinstance(value, str):
        return "text" if value else gettext_noop("empty text")
    return "object" if isinstance(value, dict) else "number"


def _media_type(content_type: str) -> str:
    found = content_type.partition(";")[0].strip().lower()
    return found if found in _MEDIA_TYPES or not found else gettext_noop("(an unusual one)")
