"""What the protocol needs to know about a provider: its quirks as data, so that no code names a provider.

Paths are those of `apps.oauth.paths`, on the JSON response. Mappings are read only.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote_plus

from apps.oauth.conditions import EndedTokenSign, ErrorRule
from apps.oauth.paths import Check

TokenName = Literal["access_token", "refresh_token"]
AuthMethod = Literal["client_secret_basic", "client_secret_post", "none"]

_BUILT_IN = re.compile(r"\{(access_token|client_id|client_secret|further_key)\}")


@dataclass(frozen=True)
class ClientCredentials:
    """The OAuth app: ID and secret at the provider. A public client has no secret."""

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    further_key: str | None = field(default=None, repr=False)  # that calls of the API need beside the token

    def basic(self) -> str:
        """The value of an Authorization header, ID and secret form-urlencoded first (RFC 6749 2.3.1)."""
        return _basic(quote_plus(self.client_id), quote_plus(self.client_secret or ""))

    def raw_basic(self) -> str:
        """The same with ID and secret as they are (RFC 7617), for servers that do not decode them."""
        return _basic(self.client_id, self.client_secret or "")


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


@dataclass(frozen=True)
class AccountEndpoint:
    """The call that returns the account of a token.

    Without `subject_path` the label is used as the stable subject; an empty one says that it cannot be. `label_url` is
    a second call, by GET with the same headers, whose response has the label where that of `url` has only the subject,
    which it may hold as {subject}.
    `headers` and the values of `form` (sent instead of `body`) may hold {access_token}, {client_id}, {client_secret}.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    subject_path: str | None = None
    label_path: str | None = None
    label_url: str | None = None
    success_check: Check | None = None


@dataclass(frozen=True)
class AnswerAccount:
    """Where the token response itself says whose account it is: among its fields, or in the claims of its ID token or
    of its access token, where that is a JWT.

    Either token comes straight from the token endpoint over TLS, so its signature need not be checked (OpenID Connect
    Core 3.1.3.7, point 6).
    """

    source: Literal["token_answer", "id_token", "access_token"] = "token_answer"
    subject_path: str | None = None
    label_path: str | None = None


@dataclass(frozen=True)
class Placement:
    """A call right after connecting that says where the account lives: its site, tenant or data center.

    `list_path` leads to the choices ("" if the response is the list, None if it is the one choice itself), of which
    those that pass `where` count. `values` are placeholder names with their paths within a choice, `label_path` leads
    to its name for people.
    """

    url: str
    values: Mapping[str, str]
    label_path: str = ""
    list_path: str | None = None
    where: Check | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LongLivedExchange:
    """A second exchange, of a short-lived access token for a long-lived one (instead of a refresh token).

    The token goes as `token_parameter`. With `refresh_grant_type` the long-lived token can be
    extended, so that it takes the role of a refresh token.
    """

    url: str
    grant_type: str
    token_parameter: str = "access_token"
    refresh_grant_type: str | None = None


@dataclass(frozen=True)
class RevocationEndpoint:
    """The call that revokes a grant, by default RFC 7009. `url` may hold {client_id}, headers and `params` also
    {client_secret}.

    `tokens` are sent one call each, in this order, as far as there are any; the first must be accepted.
    `client_authentication`: "token_endpoint" does as there, "client_id" only names a public client in the body,
    "bearer" sends the token itself as the provider's API wants it, "none" nothing.
    `token_parameter` None leaves the token out of the body. `already_revoked_errors` are refusals that mean success.
    """

    url: str
    method: str = "POST"
    client_authentication: Literal[
        "token_endpoint", "client_secret_basic", "client_secret_post", "client_id", "bearer", "none"
    ] = "token_endpoint"
    body_encoding: Literal["form", "json", "query", "none"] = "form"
    token_parameter: str | None = "token"
    token_type_hint: bool = True
    tokens: tuple[TokenName, ...] = ("refresh_token", "access_token")
    # What a successful call ends: the token, the whole grant of the user, or the installation of the app.
    ends: Literal["token", "grant", "installation", "unknown"] = "unknown"
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


@dataclass(frozen=True)
class ProviderConfig:
    """One provider. What has a default has the RFC's; URLs have their placeholders filled in already.
    `authorization_url` may hold {client_id}, values of `authorization_params` {random}, and values of
    `token_request_headers`, `api_headers` and `api_query` {client_id} and {client_secret}, the last two {further_key}.
    A path may name alternatives, separated by " | ", of which the first that leads somewhere counts.
    """

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
    # A scope -> the parameter that requests it, where that is another one.
    scope_parameters: Mapping[str, str] = field(default_factory=dict)
    # A scope -> what is sent for it, where its name contains a value of the connection.
    scope_values: Mapping[str, str] = field(default_factory=dict)
    authorization_params: Mapping[str, str] = field(default_factory=dict)
    # Behind "#" at the end; one that begins with "/" is a page of its own and takes the parameters.
    authorization_fragment: str = ""
    response_type: str = "code"
    # `offline_access` with `openid` sends prompt=consent, unless another prompt is among the parameters.
    prompt_for_offline: bool = True
    pkce: bool = True
    # The callback
    callback_code_parameter: str = "code"
    callback_signature_parameter: str = ""  # HMAC-SHA256 of all others, by the client secret
    callback_scope_parameter: str = ""  # with the granted scopes, if the token response has none
    # The name that the RFC gives a parameter -> the provider's, everywhere and at the token endpoint only.
    parameter_names: Mapping[str, str] = field(default_factory=dict)
    token_parameter_names: Mapping[str, str] = field(default_factory=dict)
    # The token endpoint
    grant_type: str = "authorization_code"
    token_request_method: Literal["GET", "POST"] = "POST"
    token_request_scope: bool = False  # the scopes are repeated with the code
    token_params: Mapping[str, str] = field(default_factory=dict)
    client_grant_type: str = "client_credentials"  # what the service calls the grant of RFC 6749 4.4
    refresh_params: Mapping[str, str] = field(default_factory=dict)
    refresh_auth_method: AuthMethod | None = None
    refresh_repeats_redirect_uri: bool = False
    long_lived: LongLivedExchange | None = None
    token_endpoint_auth_method: AuthMethod = "client_secret_basic"
    basic_credentials: Literal["encoded", "raw"] = "encoded"  # raw: form-urlencoding is not undone there
    token_request_encoding: Literal["form", "json"] = "form"
    token_request_headers: Mapping[str, str] = field(default_factory=dict)
    # The token response
    token_answer_encodings: tuple[Literal["json", "form"], ...] = ("json",)
    access_token_path: str = "access_token"
    refresh_token_path: str = "refresh_token"
    expires_in_path: str = "expires_in"
    expires_at_path: str = ""  # a moment (ISO 8601, or seconds since 1970) instead of a number of seconds
    expiry_in_token: bool = False  # the access token is a JWT whose `exp` says it
    scope_path: str = "scope"
    scope_response_separator: str | None = None
    default_expires_in: int | None = None
    keep: tuple[str, ...] = ()
    secondary_tokens: tuple[SecondaryTokenRule, ...] = ()
    success_check: Check | None = None
    error_aliases: Mapping[str, str] = field(default_factory=dict)  # its own error codes -> RFC 6749 5.2
    error_rules: tuple[ErrorRule, ...] = ()  # for what is not the code of a plain `error`; decide first
    # Refresh and scopes
    refresh_supported: bool = True
    rotation: Literal["none", "grace", "strict"] = "strict"  # the safest assumption where it is not known
    refresh_margin: int | None = None  # seconds before its expiry at which a token is refreshed
    earliest_refresh: int | None = None  # seconds after its issue before which a refresh is refused
    unused_lifetime: int | None = None  # seconds after which an unused refresh token expires
    ignored_scopes: frozenset[str] = frozenset()
    scope_aliases: Mapping[str, str] = field(default_factory=dict)
    # Prefixes of scopes that the provider adds or leaves out, such as that of a resource ("https://graph.x.com/").
    scope_prefixes: tuple[str, ...] = ()
    scopes_are_case_sensitive: bool = True
    # A scope -> the larger ones that make the provider leave it out of its response.
    scope_included_in: Mapping[str, frozenset[str]] = field(default_factory=dict)
    # The API behind it
    api_base_url: str | None = None
    api_headers: Mapping[str, str] = field(default_factory=dict)
    access_token_header: str = "Authorization: Bearer {access_token}"
    api_query: Mapping[str, str] = field(default_factory=dict)
    access_token_parameter: str = ""  # the token goes into the query, under this name, instead of a header
    ended_token: tuple[EndedTokenSign, ...] = ()  # by which the API says that the token ended, beside a 401
    account: AccountEndpoint | None = None
    answer_account: AnswerAccount | None = None
    placement: Placement | None = None
    revocation: RevocationEndpoint | None = None

    @property
    def api_wants_further_key(self) -> bool:
        """Whether API requests carry a further key beside the token."""
        return any("{further_key}" in template for template in (*self.api_headers.values(), *self.api_query.values()))

    @property
    def api_wants_client_secret(self) -> bool:
        """Whether API requests carry the OAuth app's secret beside the token, as few services require."""
        templates = (*self.api_headers.values(), *self.api_query.values(), self.access_token_header)
        return any("{client_secret}" in template for template in templates)


def basic_header(provider: ProviderConfig, credentials: ClientCredentials) -> str:
    """The Authorization header of client_secret_basic, as the provider reads it."""
    return credentials.basic() if provider.basic_credentials == "encoded" else credentials.raw_basic()


def filled_in(template: str, credentials: ClientCredentials | None, *, access_token: str = "") -> str | None:
    """`template` with {access_token}, {client_id} and {client_secret} in it replaced; None without what it needs."""
    values: dict[str, str | None] = {"access_token": access_token or None}
    if credentials:
        values |= {"client_id": credentials.client_id, "client_secret": credentials.client_secret}
        values["further_key"] = credentials.further_key
    for name in _BUILT_IN.findall(template):
        value = values.get(name)
        if value is None:
            return None
        template = template.replace(f"{{{name}}}", value)
    return template


def all_filled_in(
    templates: Mapping[str, str], credentials: ClientCredentials | None, *, access_token: str = ""
) -> dict[str, str]:
    """Those of `templates` that can be filled in."""
    values = {name: filled_in(value, credentials, access_token=access_token) for name, value in templates.items()}
    return {name: value for name, value in values.items() if value is not None}


def access_headers(
    provider: ProviderConfig, *, access_token: str, credentials: ClientCredentials | None = None
) -> dict[str, str]:
    """The headers of every API request: the provider's fixed ones and the one that carries the token.

    Without `credentials`, those that name the OAuth app are left out.
    """
    headers = dict(provider.api_headers)
    if not provider.access_token_parameter:
        name, _, value = provider.access_token_header.partition(":")
        headers[name.strip()] = value.strip()
    return all_filled_in(headers, credentials, access_token=access_token)


def access_query(
    provider: ProviderConfig, *, access_token: str, credentials: ClientCredentials | None = None
) -> dict[str, str]:
    """The query parameters of every API request; none for nearly all providers."""
    query = dict(provider.api_query)
    if provider.access_token_parameter:
        query[provider.access_token_parameter] = "{access_token}"
    return all_filled_in(query, credentials, access_token=access_token)
