"""Bodies of responses as documents: JSON or a form, strict where nothing can be lost and lenient where a token can."""

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn
from urllib.parse import parse_qsl

from apps.errors import gettext_noop
from apps.oauth.errors import MalformedResponse
from apps.oauth.paths import pick

_MAX_FIELDS = 500
_FORM_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_.\[\]-]*")
# Python refuses to read longer numbers (CVE-2020-10735); what follows the first digits changes nothing here.
_MAX_DIGITS = 1_000
_MAX_DEPTH = 50
_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


@dataclass(frozen=True)
class Body:
    """What a lenient reading makes of a body. `document` None: neither a JSON object nor a form, `problem` says why."""

    document: dict[str, Any] | None = field(repr=False)
    text: str = field(repr=False)
    kind: Literal["json", "form", "neither"]
    problem: str = ""
    notes: tuple[str, ...] = ()


def read_body(body: bytes) -> Body:
    """Reads a token endpoint's body whatever its content type says, as far as it can be read without guessing.

    Accepted with a note: UTF-16 and UTF-32, bytes that are no text, deep nesting (cut off), text after the JSON object.
    """
    notes: list[str] = []
    text = _decoded(body, notes).strip()
    if not text:
        return Body(None, text, "neither", gettext_noop("the body is empty"))
    if text[0] in '{["' or text in ("null", "true", "false") or text[0].isdigit():
        return _read_json(text, notes)
    document = _form(text)
    if document is None:
        return Body(None, text, "neither", gettext_noop("neither JSON nor a form"), tuple(notes))
    return Body(document, text, "form", notes=tuple(notes))


def _decoded(body: bytes, notes: list[str]) -> str:
    encoding = json.detect_encoding(body)
    if not encoding.startswith("utf-8"):
        notes.append(gettext_noop("the body was encoded in %(encoding)s") % {"encoding": encoding})
    try:
        return body.decode(encoding)
    except UnicodeDecodeError:
        notes.append(gettext_noop("the body holds bytes that are not text"))
        return body.decode(encoding, "replace")


def _read_json(text: str, notes: list[str]) -> Body:
    try:
        value, rest = _decode_json(text, notes)
    except (ValueError, RecursionError):
        return Body(None, text, "neither", gettext_noop("not JSON, or cut off"), tuple(notes))
    if not isinstance(value, dict):
        return Body(None, text, "neither", gettext_noop("JSON, but not an object"), tuple(notes))
    if rest.strip():
        notes.append(gettext_noop("text followed the JSON object"))
    return Body(value, text, "json", notes=tuple(notes))


def _decode_json(text: str, notes: list[str]) -> tuple[Any, str]:
    """The JSON value at the beginning of the text, and what follows it."""
    decoder = json.JSONDecoder(parse_int=lambda digits: int(digits[:_MAX_DIGITS]))
    try:
        value, end = decoder.raw_decode(text)
    except RecursionError:
        notes.append(gettext_noop("deeply nested values were left out"))
        text = _without_deep_nesting(text)
        value, end = decoder.raw_decode(text)
    return value, text[end:]


def _without_deep_nesting(text: str) -> str:
    """The JSON text with null in place of each array or object below `_MAX_DEPTH`."""
    kept, depth, position = [], 0, 0
    for found in _BRACKET.finditer(text):
        bracket = found[0]
        if bracket in ("[", "{"):
            depth += 1
            if depth == _MAX_DEPTH:
                kept += [text[position : found.start()], "null"]
        elif bracket in ("]", "}"):
            if depth == _MAX_DEPTH:
                position = found.end()
            depth -= 1
    return "".join([*kept, text[position:] if depth < _MAX_DEPTH else ""])


def _form(text: str) -> dict[str, Any] | None:
    """The fields of a form-encoded text; None if it is none, such as a page or a sentence."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return None
    document = dict(pairs)
    if not all(_FORM_FIELD.fullmatch(name) for name in document):
        return None
    # Of two different tokens, none can be trusted to be the right one.
    ambiguous = {name for name, value in pairs if document[name] != value and name.endswith("_token")}
    return {name: value for name, value in document.items() if name not in ambiguous}


def json_value(body: bytes) -> Any:
    """A JSON value in UTF-8 (RFC 8259, so without NaN). Raises MalformedResponse for all else."""
    try:
        return json.loads(body.decode("utf-8-sig"), parse_constant=_not_json)
    except (ValueError, RecursionError):
        # `from None`: the decoder's exception carries the whole text.
        raise MalformedResponse(gettext_noop("not JSON in UTF-8, or cut off")) from None


def json_object(body: bytes) -> dict[str, Any]:
    """A JSON object, else MalformedResponse."""
    document = json_value(body)
    if not isinstance(document, dict):
        raise MalformedResponse(gettext_noop("JSON, but not an object"))
    return document


def _not_json(constant: str) -> NoReturn:
    raise ValueError(constant)


def claims_of(token: object) -> dict[str, Any]:
    """The claims of a JWT (RFC 7519), unverified; empty if it is none.

    Only for claims that may be wrong without consequences, or of a token that came straight from its issuer.
    """
    parts = token.split(".") if isinstance(token, str) else []
    if len(parts) != 3:
        return {}
    try:
        return json_object(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, MalformedResponse):
        return {}


def text_at(document: Any, path: str | None) -> str:
    """A label or subject is text or a number; anything else counts as none."""
    value = pick(document, path) if path else None
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return "".join(character for character in text if character.isprintable()).strip()[:200]
