"""A token endpoint's response (RFC 6749 4.1.4, 5.1, 6): what it grants, and what of it could not be used.

First of all a token is kept that cannot be had again: any 2xx with a usable access token counts, whatever its content
type, status, token type, scope or expiry look like. Those become unknown, with a note.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from apps.errors import gettext_noop
from apps.oauth.documents import Body, claims_of, read_body, text_at
from apps.oauth.errors import MalformedResponse
from apps.oauth.expiry import expires_in, lifetime
from apps.oauth.paths import passes, pick
from apps.oauth.provider import AnswerAccount, ProviderConfig, SecondaryTokenRule
from apps.oauth.refusals import refusal
from apps.oauth.scopes import scopes_of

_MAX_TOKEN_TYPE = 40


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
    # What of the response was unusual or could not be used; without values of it.
    notes: tuple[str, ...] = ()


def parse_token_response(
    *,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    provider: ProviderConfig,
    held_refresh_token: str = "",
    secrets: tuple[str, ...] = (),
) -> TokenResponse:
    """Reads a token endpoint's response; `body` is decompressed and of bounded size.

    `held_refresh_token` is the one that was sent, which stays where none comes. `secrets` are what else was sent and
    must not show in an error's description.
    Raises ProviderFault (408, 425, 429, 5xx), TokenError by its code (an OAuth error, with whatever status, or another
    4xx), MalformedResponse (a 2xx without a usable token, a redirect).
    """
    content = read_body(body)
    document = content.document or {}
    grants = 200 <= status < 300 and not document.get("error") and passes(provider.success_check, document)
    access_token = _access_token(document, provider.access_token_path) if grants else None
    if access_token is None:
        raise refusal(status, headers, content, provider, secrets=(*secrets, held_refresh_token))
    notes = _notes_about(status, headers, content, provider)
    refresh_token = _other_token(document, provider.refresh_token_path, notes)
    seconds = lifetime(document, access_token, headers, provider, notes)
    if seconds == 0 and not (refresh_token or held_refresh_token):
        seconds = None
        notes.append(gettext_noop("the token expires at once and cannot be refreshed: the expiry is taken for unknown"))
    response = TokenResponse(access_token, refresh_token, expires_in=seconds, notes=tuple(notes))
    return _with_optional_fields(response, document, headers, provider)


def _with_optional_fields(
    response: TokenResponse, document: dict[str, Any], headers: Mapping[str, str], provider: ProviderConfig
) -> TokenResponse:
    """`response` with what else the document says: nothing of it can make the tokens unusable."""
    notes: list[str] = []
    secondary = {
        rule.name: token
        for rule in provider.secondary_tokens
        if (token := _secondary(document, rule, headers, provider, notes))
    }
    scopes = scopes_of(pick(document, provider.scope_path), provider, notes)
    subject, label = _account(document, response.access_token, provider.answer_account)
    return replace(
        response,
        token_type=_token_type(pick(document, "token_type"), notes),
        scopes=_all_scopes(scopes, secondary),
        kept={path: value for path in provider.keep if (value := pick(document, path)) is not None},
        secondary=secondary,
        subject=subject,
        label=label,
        notes=(*response.notes, *notes),
    )


def _access_token(document: dict[str, Any], path: str) -> str | None:
    """The access token; None if there is none. Raises MalformedResponse where it cannot be used."""
    value = pick(document, path)
    if value is None or value == "":
        return None
    if not _is_token(value):
        raise MalformedResponse(gettext_noop("the access token is not a string of printable characters"))
    return str(value)


def _other_token(document: dict[str, Any], path: str | None, notes: list[str]) -> str | None:
    """A token that may be absent. Absent, null and empty are None, and so is what cannot be used."""
    value = pick(document, path) if path else None
    if value is None or value == "":
        return None
    if not _is_token(value):
        notes.append(
            gettext_noop("%(name)s is not a string of printable characters: it was left out") % {"name": str(path)[:60]}
        )
        return None
    return str(value)


def _is_token(value: object) -> bool:
    """Visible ASCII characters and spaces (RFC 6749 A.12, A.17)."""
    return isinstance(value, str) and value.isascii() and value.isprintable()


def _notes_about(status: int, headers: Mapping[str, str], content: Body, provider: ProviderConfig) -> list[str]:
    notes = list(content.notes)
    if status not in (200, 201):
        notes.append(gettext_noop("status %(status)s") % {"status": status})
    if content.kind not in provider.token_answer_encodings:
        notes.append(
            gettext_noop("the body was form-encoded") if content.kind == "form" else gettext_noop("the body was JSON")
        )
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type and not any(word in content_type for word in ("json", "javascript", "form", "text/plain")):
        notes.append(gettext_noop("the content type was neither that of JSON nor that of a form"))
    return notes


def _token_type(value: object, notes: list[str]) -> str:
    """In lower case. It decides nothing: access tokens are sent as the provider's data says."""
    if value is None or value == "":
        return "bearer"
    if not isinstance(value, str) or not value.isprintable() or not value.strip():
        notes.append(gettext_noop("token_type is not text"))
        return "bearer"
    return value.strip().lower()[:_MAX_TOKEN_TYPE]


def _account(document: dict[str, Any], access_token: str, account: AnswerAccount | None) -> tuple[str, str]:
    if account is None:
        return "", ""
    source = document
    if account.source != "token_answer":
        source = claims_of(document.get("id_token") if account.source == "id_token" else access_token)
    label = text_at(source, account.label_path)
    return text_at(source, account.subject_path) or label, label


def _all_scopes(scopes: frozenset[str] | None, secondary: Mapping[str, SecondaryToken]) -> frozenset[str] | None:
    """The scopes of all tokens of the response together; None if the first has none, so that nothing seems lost."""
    if scopes is None:
        return None
    return scopes.union(*(token.scopes or () for token in secondary.values()))


def _secondary(
    document: dict[str, Any],
    rule: SecondaryTokenRule,
    headers: Mapping[str, str],
    provider: ProviderConfig,
    notes: list[str],
) -> SecondaryToken | None:
    access_token = _other_token(document, rule.access_token_path, notes)
    if access_token is None:
        return None
    return SecondaryToken(
        access_token=access_token,
        refresh_token=_other_token(document, rule.refresh_token_path, notes),
        expires_in=expires_in(pick(document, rule.expires_in_path), headers) if rule.expires_in_path else None,
        scopes=scopes_of(pick(document, rule.scope_path), provider, notes) if rule.scope_path else None,
    )
