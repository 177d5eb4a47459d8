"""Dynamic client registration (RFC 7591): the request, and the response, read strictly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, get_args

from apps.errors import gettext_noop
from apps.oauth.documents import json_object
from apps.oauth.errors import MalformedResponse, token_error
from apps.oauth.http import send
from apps.oauth.provider import AuthMethod
from apps.oauth.refusals import raise_for_fault

_METHODS: tuple[str, ...] = get_args(AuthMethod)


@dataclass(frozen=True)
class RegisteredClient:
    """What the server issued. `secret_expires_at` None: never, or there is no secret.

    The registration access token (RFC 7592) is not kept: nothing here changes or deletes a registration.
    """

    client_id: str
    token_endpoint_auth_method: AuthMethod
    client_secret: str | None = field(default=None, repr=False)
    secret_expires_at: datetime | None = None


def register(endpoint: str, metadata: Mapping[str, Any], *, deadline: float = 10.0) -> RegisteredClient:
    """Registers a client (RFC 7591 3.1); `metadata` comes from `registration_request`.

    Raises what `send` and `parse_registration` raise.
    """
    headers = {"Accept": "application/json"}
    response = send("POST", endpoint, json=dict(metadata), headers=headers, deadline=deadline)
    return parse_registration(
        status=response.status_code, headers=response.headers, body=response.content, metadata=metadata
    )


def registration_request(
    *, redirect_uri: str, client_name: str, token_endpoint_auth_method: AuthMethod, scope: str = ""
) -> dict[str, Any]:
    """The client metadata to send (RFC 7591 2)."""
    metadata: dict[str, Any] = {
        "redirect_uris": [redirect_uri],
        "client_name": client_name,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": token_endpoint_auth_method,
    }
    return metadata | ({"scope": scope} if scope else {})


def parse_registration(
    *, status: int, headers: Mapping[str, str], body: bytes, metadata: Mapping[str, Any]
) -> RegisteredClient:
    """Reads the response (RFC 7591 3.2).

    Raises ProviderFault (429, 5xx), TokenError by its code (`invalid_redirect_uri`, `invalid_client_metadata`, …; where
    the server wants an initial access token, `invalid_token`), MalformedResponse where it names no usable client.
    """
    raise_for_fault(status, headers)
    if status in (401, 403):
        raise token_error("invalid_token")
    try:
        document = json_object(body)
    except MalformedResponse as malformed:
        raise MalformedResponse(
            gettext_noop("status %(status)s, %(reason)s") % {"status": status, "reason": malformed.reason}
        ) from None
    if document.get("error"):
        raise token_error(str(document["error"]))
    if status not in (200, 201):
        raise MalformedResponse(gettext_noop("status %(status)s without an OAuth error") % {"status": status})
    return _client(document, metadata)


def _client(document: Mapping[str, Any], metadata: Mapping[str, Any]) -> RegisteredClient:
    client_id = _visible(document, "client_id", longest=500)
    if client_id is None:
        raise MalformedResponse(gettext_noop("client_id is missing"))
    method = document.get("token_endpoint_auth_method", metadata["token_endpoint_auth_method"])
    if method not in _METHODS:
        raise MalformedResponse(gettext_noop("the client authentication method is not one that we can use"))
    _check_redirect_uris(document.get("redirect_uris"), metadata["redirect_uris"])
    secret = _visible(document, "client_secret", longest=5_000)
    if secret is None and method != "none":
        raise MalformedResponse(gettext_noop("client_secret is missing"))
    kept = None if method == "none" else secret
    return RegisteredClient(
        client_id=client_id,
        token_endpoint_auth_method=method,
        client_secret=kept,
        secret_expires_at=_moment(document.get("client_secret_expires_at")) if kept else None,
    )


def _check_redirect_uris(registered: object, requested: Sequence[str]) -> None:
    """A server may leave them out; one that registered others would refuse every authorization request."""
    if registered is None:
        return
    if not isinstance(registered, list) or any(uri not in registered for uri in requested):
        raise MalformedResponse(gettext_noop("another redirect URI was registered"))


def _visible(document: Mapping[str, Any], name: str, *, longest: int) -> str | None:
    """Visible ASCII and spaces (RFC 6749 A.1, A.2); absent, null and empty are None."""
    value = document.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or len(value) > longest:
        raise MalformedResponse(gettext_noop("%(name)s is not a string of printable characters") % {"name": name})
    return value


def _moment(value: object) -> datetime | None:
    """Seconds since 1970; 0 and what cannot be read: never (RFC 7591 3.2.1 demands it with a secret)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
