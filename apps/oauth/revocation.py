"""Ending a grant at the provider, by RFC 7009 or by what the provider has instead."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

from apps.errors import gettext_noop
from apps.oauth.documents import json_object
from apps.oauth.errors import MalformedResponse, RevocationUnsupported, TokenError, safe_code, token_error
from apps.oauth.http import send
from apps.oauth.paths import passes
from apps.oauth.provider import (
    ClientCredentials,
    ProviderConfig,
    RevocationEndpoint,
    TokenName,
    access_headers,
    all_filled_in,
    basic_header,
)
from apps.oauth.refusals import raise_for_fault

_ENCODINGS: dict[str, Literal["data", "json", "params"]] = {
    "form": "data",
    "json": "json",
    "query": "params",
    "none": "data",
}


@dataclass(frozen=True)
class RevocationRequest:
    """One call to make. `fields` go into the body, as "data" (a form) or "json", or as "params" into the query."""

    endpoint: RevocationEndpoint
    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    fields: Mapping[str, str] = field(repr=False)
    encoding: Literal["data", "json", "params"]


def revoke(
    provider: ProviderConfig,
    credentials: ClientCredentials,
    *,
    access_token: str | None,
    refresh_token: str | None,
    deadline: float = 10.0,
) -> None:
    """Ends the grant at the provider (RFC 7009). Returns only if the provider confirmed it; `deadline` in seconds.

    Raises RevocationUnsupported where there is no call for the tokens given, else whatever went wrong.
    """
    first, *others = revocation_requests(provider, credentials, access_token=access_token, refresh_token=refresh_token)
    end = time.monotonic() + deadline
    _send(first, deadline)
    for request in others:
        try:
            _send(request, end - time.monotonic())
        except TokenError:
            continue  # most often it is unknown by now, because it was revoked with the first


def _send(request: RevocationRequest, deadline: float) -> None:
    payload: dict[str, Any] = {request.encoding: dict(request.fields)} if request.fields else {}
    response = send(request.method, request.url, headers=request.headers, deadline=deadline, **payload)
    check_revocation(request.endpoint, status=response.status_code, headers=response.headers, body=response.content)


def revocation_requests(
    provider: ProviderConfig, credentials: ClientCredentials, *, access_token: str | None, refresh_token: str | None
) -> list[RevocationRequest]:
    """The calls that end the grant, in order; the first must be accepted, later ones are often moot after it.

    Raises RevocationUnsupported if the provider has no such call, or none for the tokens given.
    """
    endpoint = provider.revocation
    held: dict[TokenName, str | None] = {"access_token": access_token, "refresh_token": refresh_token}
    tokens = [(name, token) for name in (endpoint.tokens if endpoint else ()) if (token := held[name])]
    if endpoint is None or not tokens:
        raise RevocationUnsupported(gettext_noop("The provider has no revocation for what is held here."))
    return [_request(provider, endpoint, credentials, name, token) for name, token in tokens]


def _request(
    provider: ProviderConfig, endpoint: RevocationEndpoint, credentials: ClientCredentials, name: TokenName, token: str
) -> RevocationRequest:
    headers = {"Accept": "application/json", **all_filled_in(endpoint.headers, credentials)}
    fields = all_filled_in(endpoint.params, credentials)
    if endpoint.token_parameter:
        fields[endpoint.token_parameter] = token
    if endpoint.token_type_hint:
        fields["token_type_hint"] = name
    more_headers, more_fields = _authentication(provider, endpoint, credentials, token)
    return RevocationRequest(
        endpoint=endpoint,
        method=endpoint.method,
        url=endpoint.url.replace("{client_id}", quote(credentials.client_id, safe="")),
        headers=headers | more_headers,
        fields={} if endpoint.body_encoding == "none" else fields | more_fields,
        encoding=_ENCODINGS[endpoint.body_encoding],
    )


def _authentication(
    provider: ProviderConfig, endpoint: RevocationEndpoint, credentials: ClientCredentials, token: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and body fields that authenticate the client."""
    style: str = endpoint.client_authentication
    if style == "token_endpoint":
        style = provider.token_endpoint_auth_method.replace("none", "client_id")
    if style == "client_secret_basic":
        return {"Authorization": basic_header(provider, credentials)}, {}
    if style == "bearer":
        return access_headers(provider, access_token=token, credentials=credentials), {}
    fields = {}
    if style in ("client_secret_post", "client_id"):
        fields["client_id"] = credentials.client_id
    if style == "client_secret_post":
        fields["client_secret"] = credentials.client_secret or ""
    return {}, {provider.parameter_names.get(name, name): value for name, value in fields.items()}


def check_revocation(endpoint: RevocationEndpoint, *, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Returns if the response means that the token is revoked.

    Raises ProviderFault (429, 5xx), TokenError (an OAuth error), MalformedResponse (anything else).
    """
    raise_for_fault(status, headers)
    document = _object_or_nothing(body)
    if status in endpoint.success_statuses and passes(endpoint.success_check, document):
        return
    code = document.get("error")
    if code in endpoint.already_revoked_errors:
        return
    if code:
        raise token_error(safe_code(code))
    raise MalformedResponse(gettext_noop("status %(status)s, the revocation was not confirmed") % {"status": status})


def _object_or_nothing(body: bytes) -> dict[str, Any]:
    """Most responses have no body, or one that says nothing (RFC 7009 2.2)."""
    try:
        return json_object(body)
    except MalformedResponse:
        return {}
