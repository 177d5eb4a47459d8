"""Calls to the token endpoint: a code or a refresh token for tokens (RFC 6749 4.1.3, 4.4, 6).

`oauthlib` prepares the parameters of the standard grants, `send` sends them, `token_response.py` reads the response.
Every call takes a `deadline` in seconds for all that it does, and raises nothing but OAuthErrors.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import requests
from oauthlib.oauth2.rfc6749.parameters import prepare_token_request

from apps.oauth.errors import token_error
from apps.oauth.http import send
from apps.oauth.provider import (
    AuthMethod,
    ClientCredentials,
    LongLivedExchange,
    ProviderConfig,
    all_filled_in,
    basic_header,
)
from apps.oauth.token_response import TokenResponse, parse_token_response
from apps.oauth.trace import PUBLIC_PARAMETERS, report_notes

FORM = "application/x-www-form-urlencoded"


def exchange_code(
    provider: ProviderConfig,
    credentials: ClientCredentials,
    *,
    code: str,
    redirect_uri: str,
    code_verifier: str | None,
    scopes: Sequence[str] | None = None,
    deadline: float = 20.0,
) -> TokenResponse:
    """Redeems an authorization code (RFC 6749 4.1.3, RFC 7636 4.5), then a short-lived token for a long-lived one.

    `scopes` are sent only where the provider's data says that they are repeated here.
    """
    end = time.monotonic() + deadline
    extra = {**provider.token_params, **_scope_field(provider, scopes if provider.token_request_scope else None)}
    grant = _grant(provider.grant_type, code=code, redirect_uri=redirect_uri, code_verifier=code_verifier)
    response = token_request(provider, credentials, {**extra, **grant}, url=provider.token_url, deadline=deadline)
    if provider.long_lived is None:
        return response
    return _long_lived(provider, credentials, provider.long_lived, response, deadline=end - time.monotonic())


def client_credentials(
    provider: ProviderConfig, credentials: ClientCredentials, *, scopes: Sequence[str], deadline: float = 20.0
) -> TokenResponse:
    """Obtains a token for the OAuth app itself (RFC 6749 4.4)."""
    fields = {**provider.token_params, **_scope_field(provider, scopes), **_grant(provider.client_grant_type)}
    return token_request(provider, credentials, fields, url=provider.token_url, deadline=deadline)


def refresh(
    provider: ProviderConfig,
    credentials: ClientCredentials,
    *,
    refresh_token: str,
    scopes: Sequence[str] | None = None,
    redirect_uri: str = "",
    deadline: float = 20.0,
) -> TokenResponse:
    """Uses a refresh token (RFC 6749 6), or extends a long-lived token.

    `scopes` only where the provider wants them repeated; `redirect_uri` is sent only where its data says so.
    """
    if provider.long_lived:
        return _extended(provider, provider.long_lived, refresh_token, deadline=deadline)
    fields = {**provider.refresh_params, **_scope_field(provider, scopes)}
    if provider.refresh_repeats_redirect_uri and redirect_uri:
        fields["redirect_uri"] = redirect_uri
    fields |= _grant("refresh_token", refresh_token=refresh_token)
    if provider.refresh_auth_method:
        provider = replace(provider, token_endpoint_auth_method=provider.refresh_auth_method)
    url = provider.refresh_url or provider.token_url
    response = token_request(provider, credentials, fields, url=url, deadline=deadline)
    # Empty scopes in response to a refresh mean what absent ones mean: as before (RFC 6749 6).
    return response if response.scopes else replace(response, scopes=None)


def token_request(
    provider: ProviderConfig, credentials: ClientCredentials, fields: Mapping[str, str], *, url: str, deadline: float
) -> TokenResponse:
    """Sends `fields` to a token endpoint, authenticated, encoded and named as the provider wants them.

    Raises EndpointRefused, TransportFailure and what `parse_token_response` raises.
    """
    method = provider.token_endpoint_auth_method
    names = {**provider.parameter_names, **provider.token_parameter_names}
    fields = {**fields, **_client_fields(credentials, method)}
    named = {names.get(name, name): value for name, value in fields.items()}
    headers = {"Accept": "application/json", **all_filled_in(provider.token_request_headers, credentials)}
    if method == "client_secret_basic":
        headers["Authorization"] = basic_header(provider, credentials)
    if provider.token_request_method == "GET":
        encoded: dict[str, Any] = {"params": named}
    elif provider.token_request_encoding == "json":
        encoded = {"json": named}
    else:  # requests takes 0.1 ms longer to prepare a dictionary
        headers = {"Content-Type": FORM, **headers}
        encoded = {"data": urlencode(named)}
    response = send(provider.token_request_method, url, headers=headers, deadline=deadline, **encoded)
    return _read(response, provider, {**fields, "client_secret": credentials.client_secret or ""})


def _client_fields(credentials: ClientCredentials, method: AuthMethod) -> dict[str, str]:
    """The OAuth app's ID and secret, as far as they go into the body (RFC 6749 2.3.1, 3.2.1)."""
    if method == "client_secret_basic":
        return {}
    fields = {"client_id": credentials.client_id}
    return fields | ({"client_secret": credentials.client_secret or ""} if method == "client_secret_post" else {})


def _grant(grant_type: str, **fields: str | None) -> dict[str, str]:
    """The standard's own parameters of a grant; empty ones are left out."""
    given = {name: value for name, value in fields.items() if value}
    return dict(parse_qsl(prepare_token_request(grant_type, include_client_id=False, **given)))


def _scope_field(provider: ProviderConfig, scopes: Sequence[str] | None) -> dict[str, str]:
    names = [provider.scope_values.get(scope, scope) for scope in scopes or ()]
    return {provider.scope_parameter: provider.scope_separator.join(names)} if names else {}


def _read(response: requests.Response, provider: ProviderConfig, sent: Mapping[str, str]) -> TokenResponse:
    tokens = parse_token_response(
        status=response.status_code,
        headers=response.headers,
        body=response.content,
        provider=provider,
        held_refresh_token=sent.get("refresh_token", ""),
        secrets=tuple(value for name, value in sent.items() if name not in PUBLIC_PARAMETERS),
    )
    report_notes(tokens.notes)
    return tokens


def _long_lived(
    provider: ProviderConfig,
    credentials: ClientCredentials,
    exchange: LongLivedExchange,
    short: TokenResponse,
    *,
    deadline: float,
) -> TokenResponse:
    """The long-lived token for the short-lived one; what only the first response said is kept."""
    query = {
        "grant_type": exchange.grant_type,
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret or "",
        exchange.token_parameter: short.access_token,
    }
    long = _token_by_get(provider, exchange.url, query, deadline=deadline)
    return replace(
        long,
        refresh_token=long.access_token if exchange.refresh_grant_type else None,
        scopes=short.scopes if long.scopes is None else long.scopes,
        kept={**short.kept, **long.kept},
        subject=long.subject or short.subject,
        label=long.label or short.label,
    )


def _extended(provider: ProviderConfig, exchange: LongLivedExchange, token: str, *, deadline: float) -> TokenResponse:
    if exchange.refresh_grant_type is None:
        raise token_error("invalid_grant")
    query = {"grant_type": exchange.refresh_grant_type, exchange.token_parameter: token}
    extended = _token_by_get(provider, provider.refresh_url or exchange.url, query, deadline=deadline)
    return replace(extended, refresh_token=extended.access_token)


def _token_by_get(provider: ProviderConfig, url: str, query: Mapping[str, str], *, deadline: float) -> TokenResponse:
    """A token in response to a GET: the only form that these providers document, secrets in the query included."""
    response = send("GET", url, params=query, headers={"Accept": "application/json"}, deadline=deadline)
    return _read(response, provider, query)
