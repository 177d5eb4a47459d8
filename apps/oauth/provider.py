"""What the protocol needs to know about a provider: facts as data, so that no code asks for a provider's name.

Paths are dotted with `[n]` for list items ("data.users[0].id"), on the JSON answer. Mappings are read only.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple
from urllib.parse import quote_plus

TokenName = Literal["access_token", "refresh_token"]
AuthMethod = Literal["client_secret_basic", "client_secret_post", "none"]


@dataclass(frozen=True)
class ClientCredentials:
    """The OAuth app: what we are at the provider. A public client has no secret."""

    client_id: str
    client_secret: str | None = field(default=None, repr=False)

    def basic(self) -> str:
        """The value of an Authorization header, ID and secret form-urlencoded first (RFC 6749 2.3.1)."""
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret or '')}"
        return "Basic " + base64.b64encode(pair.encode("ascii")).decode("ascii")


class Check(NamedTuple):
    """A JSON answer is a success only if the value at `path` equals this one, type included (Slack's `ok`)."""

    path: str
    equals: str | int | bool


@dataclass(frozen=True)
class AccountEndpoint:
    """The call that says whose account a token opens. `headers` may hold {access_token} and {client_id}."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    subject_path: str | None = None
    label_path: str | None = None
    success_check: Check | None = None


@dataclass(frozen=True)
class RevocationEndpoint:
    """The call that ends a grant; the defaults are RFC 7009. `url` may hold {client_id}.

    `tokens` are sent one call each, in this order, as far as we hold them; the first must be accepted.
    `client_authentication`: "token_endpoint" does as there, "client_id" only names a public client in the body,
    "bearer" sends the token itself as the provider's API wants it, "none" nothing.
    `token_parameter` None leaves the token out of the body. `already_revoked_errors` are refusals that mean success.
    """

    url: str
    method: str = "POST"
    client_authentication: Literal[
        "token_endpoint", "client_secret_basic", "client_secret_post", "client_id", "bearer", "none"
    ] = "token_endpoint"
    body_encoding: Literal["form", "json", "none"] = "form"
    token_parameter: str | None = "token"
    token_type_hint: bool = True
    tokens: tuple[TokenName, ...] = ("refresh_token", "access_token")
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    success_statuses: tuple[int, ...] = (200,)
    success_check: Check | None = None
    already_revoked_errors: frozenset[str] = frozenset({"invalid_token"})


@dataclass(frozen=True)
class SecondaryTokenRule:
    """A second token that comes with the first (Slack's user token beside the bot's)."""

    name: str
    access_token_path: str
    refresh_token_path: str | None = None
    expires_in_path: str | None = None
    scope_path: str | None = None
    scope_parameter: str | None = None


@dataclass(frozen=True)
class ProviderConfig:
    """One provider. What has a default has the RFC's; URLs have their placeholders filled in already."""

    slug: str
    name: str
    authorization_url: str
    token_url: str
    refresh_url: str | None = None
    issuer: str | None = None
    iss_required: bool = False
    # The request for authorization
    scope_separator: str = " "
    scope_parameter: str = "scope"
    authorization_params: Mapping[str, str] = field(default_factory=dict)
    pkce: bool = True
    # The token endpoint
    token_params: Mapping[str, str] = field(default_factory=dict)
    client_grant_type: str = "client_credentials"  # what the service calls the grant of RFC 6749 4.4
    refresh_params: Mapping[str, str] = field(default_factory=dict)
    token_endpoint_auth_method: AuthMethod = "client_secret_basic"
    token_request_encoding: Literal["form", "json"] = "form"
    token_request_headers: Mapping[str, str] = field(default_factory=dict)
    # Its answer
    token_answer_encodings: tuple[Literal["json", "form"], ...] = ("json",)
    token_types: tuple[str, ...] = ("bearer",)
    access_token_path: str = "access_token"
    refresh_token_path: str = "refresh_token"
    expires_in_path: str = "expires_in"
    scope_path: str = "scope"
    scope_response_separator: str | None = None
    default_expires_in: int | None = None
    keep: tuple[str, ...] = ()
    secondary_tokens: tuple[SecondaryTokenRule, ...] = ()
    success_check: Check | None = None
    error_aliases: Mapping[str, str] = field(default_factory=dict)  # its own error codes -> RFC 6749 5.2
    # Refresh and scopes
    refresh_supported: bool = True
    rotation: Literal["none", "grace", "strict"] = "strict"  # what does harm least where it is not known
    refresh_margin: int | None = None  # seconds before its end at which a token is refreshed
    unused_lifetime: int | None = None  # seconds after which an unused refresh token dies
    ignored_scopes: frozenset[str] = frozenset()
    scope_aliases: Mapping[str, str] = field(default_factory=dict)
    # A scope -> the larger ones in whose favour the provider leaves it out of its answer.
    scope_included_in: Mapping[str, frozenset[str]] = field(default_factory=dict)
    # The API behind it
    api_base_url: str | None = None
    api_headers: Mapping[str, str] = field(default_factory=dict)
    access_token_header: str = "Authorization: Bearer {access_token}"
    account: AccountEndpoint | None = None
    revocation: RevocationEndpoint | None = None


def access_headers(provider: ProviderConfig, *, access_token: str) -> dict[str, str]:
    """The headers that open the provider's API: its own fixed ones and the one that carries the token."""
    name, _, value = provider.access_token_header.partition(":")
    headers = {**provider.api_headers, name.strip(): value.strip()}
    return {key: value.replace("{access_token}", access_token) for key, value in headers.items()}


def pick(document: Any, path: str) -> Any:
    """The value at a path of a JSON document; None where the path leads nowhere."""
    for step in path.replace("[", ".[").split("."):
        if step.startswith("["):
            index = int(step[1:-1])
            document = document[index] if isinstance(document, list) and index < len(document) else None
        elif step:
            document = document.get(step) if isinstance(document, dict) else None
    return document


def passes(check: Check | None, document: Any) -> bool:
    """Whether a JSON answer meets a check; without a check it always does. True is not 1 here."""
    if check is None:
        return True
    path, expected = check
    value = pick(document, path)
    return type(value) is type(expected) and bool(value == expected)
