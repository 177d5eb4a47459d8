"""What a token endpoint says, read strictly (RFC 6749 4.1.4, 5.1, 5.2, 6)."""

import base64
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from apps.oauth.errors import (
    MalformedResponse,
    OAuthError,
    ProviderFault,
    UnrecognizedRefusal,
    safe_code,
    token_error,
)
from apps.oauth.provider import AnswerAccount, ProviderConfig, SecondaryTokenRule, passes, pick

TEN_YEARS = 10 * 365 * 24 * 3600

_JSON_TYPES = re.compile(r"application/(json|javascript|([\w.*-]+\+)?json)|text/(json|javascript|plain)|")
_FAULTS = {"temporarily_unavailable": 503, "server_error": 500}
_FORM_TYPES = re.compile(r"application/x-www-form-urlencoded|text/plain|")


@dataclass(frozen=True)
class SecondaryToken:
    """A token that came beside the first; `expires_in` in seconds, None if unknown."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_in: int | None = None
    scopes: frozenset[str] | None = None


@dataclass(frozen=True)
class TokenResponse:
    """A successful response.

    `refresh_token` None: the old one stays. `expires_in`: seconds from the moment of sending, 0 for expired now,
    None for unknown. `scopes` None: as requested (RFC 6749 5.1). `kept`: the values at the provider's `keep` paths.
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    token_type: str = "bearer"
    expires_in: int | None = None
    scopes: frozenset[str] | None = None
    kept: Mapping[str, Any] = field(default_factory=dict, repr=False)
    secondary: Mapping[str, SecondaryToken] = field(default_factory=dict)
    # Whose account it is, where the response itself says so.
    subject: str = ""
    label: str = ""


def parse_token_response(
    *, status: int, headers: Mapping[str, str], body: bytes, provider: ProviderConfig
) -> TokenResponse:
    """Reads a token endpoint's response; `body` is decompressed and of bounded size.

    Raises ProviderFault (429, 5xx), TokenError by its code (an OAuth error, with whatever status), MalformedResponse.
    """
    document = read_answer(status=status, headers=headers, body=body, provider=provider)
    token_type = pick(document, "token_type")
    if token_type is not None and (not isinstance(token_type, str) or token_type.lower() not in provider.token_types):
        raise MalformedResponse("token_type is not one that we can use")
    access_token = _token(document, provider.access_token_path)
    if access_token is None:
        raise MalformedResponse("access_token is missing or empty")
    secondary = {
        rule.name: token for rule in provider.secondary_tokens if (token := _secondary(document, rule, provider))
    }
    subject, label = _account(document, provider.answer_account)
    return TokenResponse(
        access_token=access_token,
        refresh_token=_token(document, provider.refresh_token_path),
        token_type=token_type.lower() if token_type else "bearer",
        expires_in=_lifetime(document, access_token, headers, provider),
        scopes=_all_scopes(_scopes(pick(document, provider.scope_path), provider), secondary),
        kept={path: value for path in provider.keep if (value := pick(document, path)) is not None},
        secondary=secondary,
        subject=subject,
        label=label,
    )


def read_answer(*, status: int, headers: Mapping[str, str], body: bytes, provider: ProviderConfig) -> dict[str, Any]:
    """The document of a successful response; raises as parse_token_response does for all others."""
    raise_for_fault(status, headers)
    if 300 <= status < 400:
        raise MalformedResponse(f"status {status}: redirects are not followed")
    try:
        document = _document(headers, body, provider)
    except MalformedResponse as malformed:
        if 400 <= status < 500:
            raise UnrecognizedRefusal(status, malformed.reason) from None
        raise MalformedResponse(f"status {status}, {malformed.reason}") from None
    error = document.get("error")
    if error or not passes(provider.success_check, document):
        raise _refusal(error, document.get("error_description"), headers, provider)
    if 400 <= status < 500:
        raise UnrecognizedRefusal(status, "without an OAuth error", _message(document))
    if status not in (200, 201):
        raise MalformedResponse(f"status {status} without an OAuth error")
    return document


def _message(document: Mapping[str, Any]) -> str:
    """The text of an error document that is not one of RFC 6749 5.2, from the members that services use for it."""
    found = (document.get(name) for name in ("error_description", "message", "msg", "detail", "title"))
    return next((text for text in found if isinstance(text, str)), "")


def _refusal(error: object, description: object, headers: Mapping[str, str], provider: ProviderConfig) -> OAuthError:
    """The exception for an OAuth error.

    RFC 6749 4.1.2.1 defines two codes that stand for HTTP 503 and 500; some servers use them here as well.
    """
    code = safe_code(provider.error_aliases.get(str(error), error))
    if description is None and isinstance(error, dict):
        description = _message(error)
    if code in _FAULTS:
        return ProviderFault(_FAULTS[code], retry_after(headers))
    return token_error(code, description=description)


def raise_for_fault(status: int, headers: Mapping[str, str]) -> None:
    """Raises ProviderFault for 408, 425, 429 and 5xx, which are no refusal of the request."""
    if status in (408, 425, 429) or status >= 500:
        raise ProviderFault(status, retry_after(headers))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by a Retry-After header, in either form (RFC 9110 10.2.3); None if absent or unreadable.

    A date is compared with the server's own Date header where there is one, so clocks need not agree.
    """
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    until = _http_date(value)
    if until is None:
        return None
    now = _http_date(headers.get("Date", "")) or datetime.now(UTC)
    return max((until - now).total_seconds(), 0.0)


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _document(headers: Mapping[str, str], body: bytes, provider: ProviderConfig) -> dict[str, Any]:
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    is_object = body.lstrip().startswith(b"{")
    if "form" in provider.token_answer_encodings and _FORM_TYPES.fullmatch(content_type) and not is_object:
        return _form_document(_text(body))
    if "json" in provider.token_answer_encodings and _JSON_TYPES.fullmatch(content_type):
        return json_object(body)
    raise MalformedResponse("the content type is neither JSON nor what this provider may send")


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MalformedResponse("not UTF-8") from None


def json_value(body: bytes) -> Any:
    """A JSON value in UTF-8 (RFC 8259, so without NaN). Raises MalformedResponse for all else."""
    text = _text(body)
    try:
        return json.loads(text, parse_constant=_not_json)
    except (ValueError, RecursionError):
        # `from None`: the decoder's exception carries the whole text.
        raise MalformedResponse("not JSON, or cut off") from None


def json_object(body: bytes) -> dict[str, Any]:
    """A JSON object, else MalformedResponse."""
    document = json_value(body)
    if not isinstance(document, dict):
        raise MalformedResponse("JSON, but not an object")
    return document


def _not_json(constant: str) -> NoReturn:
    raise ValueError(constant)


def _form_document(text: str) -> dict[str, Any]:
    try:
        pairs = parse_qsl(
            text.strip(), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=100
        )
    except ValueError:
        raise MalformedResponse("not a form-encoded response") from None
    if len(dict(pairs)) != len(pairs):
        raise MalformedResponse("a form-encoded response repeats a field")
    return dict(pairs)


def _token(document: dict[str, Any], path: str) -> str | None:
    """A token: visible ASCII characters and spaces (RFC 6749 A.12, A.17). Absent, null and empty are None."""
    value = pick(document, path)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise MalformedResponse("a token is not a string of printable characters")
    return value


def _lifetime(
    document: dict[str, Any], access_token: str, headers: Mapping[str, str], provider: ProviderConfig
) -> int | None:
    """Seconds that the access token lives, wherever the provider says so; None: unknown."""
    moment: object = pick(document, provider.expires_at_path) if provider.expires_at_path else None
    if provider.expiry_in_token:
        moment = claims_of(access_token).get("exp")
    end = _moment(moment)
    if end is not None:
        now = _http_date(headers.get("Date", "")) or datetime.now(UTC)
        return _expires_in((end - now).total_seconds(), None)
    stated = pick(document, provider.expires_in_path) if provider.expires_in_path else None
    return _expires_in(stated, provider.default_expires_in)


def _moment(value: object) -> datetime | None:
    """A moment as seconds since 1970 (or milliseconds, which no second of our age can be mistaken for) or ISO 8601."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{9,13}", value):
        value = int(value)
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if value > 100_000_000_000 else value, UTC)
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC) if moment else None


def claims_of(token: object) -> dict[str, Any]:
    """The claims of a JWT (RFC 7519), unverified; empty if it is none. For what costs nothing if it is wrong, or
    where the token came straight from its issuer."""
    parts = token.split(".") if isinstance(token, str) else []
    if len(parts) != 3:
        return {}
    try:
        return json_object(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, MalformedResponse):
        return {}


def _account(document: dict[str, Any], account: AnswerAccount | None) -> tuple[str, str]:
    if account is None:
        return "", ""
    source = claims_of(document.get("id_token")) if account.source == "id_token" else document
    label = text_at(source, account.label_path)
    return text_at(source, account.subject_path) or label, label


def text_at(document: Any, path: str | None) -> str:
    """A label or subject is text or a number; anything else is as good as none."""
    value = pick(document, path) if path else None
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return "".join(character for character in text if character.isprintable()).strip()[:200]


def _all_scopes(scopes: frozenset[str] | None, secondary: Mapping[str, SecondaryToken]) -> frozenset[str] | None:
    """What all tokens of the response may do together; None if one of them does not say, so that nothing seems lost."""
    if scopes is None:
        return None
    return scopes.union(*(token.scopes or () for token in secondary.values()))


def _expires_in(value: object, default: int | None) -> int | None:
    if value is None:
        return default
    if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]{1,18}(\.[0-9]{1,9})?\s*", value):
        value = float(value)
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or (isinstance(value, float) and not math.isfinite(value))
    ):
        return None
    return int(min(max(value, 0), TEN_YEARS))


def scopes_in(value: str, provider: ProviderConfig) -> frozenset[str]:
    """The scopes that a redirect names, by the provider's separator."""
    return _scopes(value, provider) or frozenset()


def _scopes(value: object, provider: ProviderConfig) -> frozenset[str] | None:
    if value is None:
        return None
    separator = provider.scope_response_separator or provider.scope_separator
    if isinstance(value, str):
        value = value.split() if separator == " " else value.split(separator)
    if not isinstance(value, list) or not all(isinstance(scope, str) for scope in value):
        raise MalformedResponse("scope is neither a string nor a list of strings")
    # PostgreSQL stores no NUL and no half of a surrogate pair: a scope that is not text must not cost a rotated token.
    return frozenset(scope.strip() for scope in value if scope.strip() and scope.isprintable())


def _secondary(document: dict[str, Any], rule: SecondaryTokenRule, provider: ProviderConfig) -> SecondaryToken | None:
    access_token = _token(document, rule.access_token_path)
    if access_token is None:
        return None
    return SecondaryToken(
        access_token=access_token,
        refresh_token=_token(document, rule.refresh_token_path) if rule.refresh_token_path else None,
        expires_in=_expires_in(pick(document, rule.expires_in_path), None) if rule.expires_in_path else None,
        scopes=_scopes(pick(document, rule.scope_path), provider) if rule.scope_path else None,
    )
