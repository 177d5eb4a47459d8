"""The shape of a provider's TOML file: each dataclass is one table, each field one key, each default an omitted key.

`[oauth2]`, `[account]`, `[answer_account]`, `[placement]` and `[revocation]` describe the protocol, with the keys of
`apps.oauth.provider`; `[[scopes]]` and `[[params]]` are shown to people. The tables of the other kinds are in
`key_schema.py`. URLs, headers, parameters and scopes may hold placeholders such as `{origin}`; each is declared in
`[[params]]`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from apps.integrations.catalog.categories import Category
from apps.integrations.catalog.choices import values_in
from apps.integrations.catalog.guide import Guide
from apps.integrations.catalog.key_schema import ApiKey, Basic, ClientCredentialsGrant, Field, OAuth1, Verification
from apps.oauth.conditions import EndedTokenSign, ErrorRule
from apps.oauth.paths import Check
from apps.oauth.provider import (
    AccountEndpoint,
    AnswerAccount,
    AuthMethod,
    LongLivedExchange,
    Placement,
    RevocationEndpoint,
    SecondaryTokenRule,
)

Kind = Literal["oauth2", "oauth2_client_credentials", "oauth1", "api_key", "basic", "none"]
Access = Literal["read", "write", "admin"]
# Where a value comes from: the person who connects; the settings of the OAuth app; the token response; the redirect
# that answers the authorization request; or a call right after connecting (`[placement]`).
ParamSource = Literal["user", "client", "token_response", "callback", "post_connect"]


@dataclass(frozen=True, kw_only=True)
class Links:
    """`[links]`: the service's own pages. OAuth apps are registered at `console_url`; people revoke a grant at
    `manage_url`."""

    docs_url: str = ""
    console_url: str = ""
    manage_url: str = ""


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """`[metadata]`: how far to trust the file. `checked` says what confirmed its essentials: the vendor's own pages
    (`evidence`), or only public libraries that connect to the same service (`sources`); `team` marks a custom API.
    `unverified` lists the keys (dotted) that rest on general knowledge."""

    checked: Literal["vendor", "libraries", "team"]
    evidence: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Refresh:
    """`[oauth2.refresh]`. `rotation`: none (the refresh token stays valid), grace (it stays valid for a while), strict
    (it is valid once). `default_expires_in`: seconds to assume where the token response has no lifetime.
    `earliest_refresh`: seconds after the issue of a token before which the service refuses to refresh it.
    `auth_method`: the client authentication, where it differs from that of the code exchange."""

    supported: bool = True
    rotation: Literal["none", "grace", "strict"] = "none"
    url: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    auth_method: AuthMethod | None = None
    repeats_redirect_uri: bool = False
    default_expires_in: int | None = None
    margin: int | None = None
    earliest_refresh: int | None = None
    unused_lifetime: int | None = None
    parallel_calls: int | None = None


@dataclass(frozen=True, kw_only=True)
class OAuth2:
    """`[oauth2]`: the protocol of this service, with the keys of `apps.oauth.provider.ProviderConfig`."""

    authorization_url: str
    token_url: str
    token_endpoint_auth_method: AuthMethod
    issuer: str | None = None
    iss_required: bool = False
    prompt_for_offline: bool = True
    pkce: bool = True
    basic_credentials: Literal["encoded", "raw"] = "encoded"
    scope_parameter: str = "scope"
    scope_separator: str = " "
    scope_response_separator: str | None = None
    authorization_params: Mapping[str, str] = field(default_factory=dict)
    authorization_fragment: str = ""
    response_type: str = "code"
    callback_code_parameter: str = "code"
    callback_signature_parameter: str = ""
    callback_scope_parameter: str = ""
    parameter_names: Mapping[str, str] = field(default_factory=dict)
    token_parameter_names: Mapping[str, str] = field(default_factory=dict)
    grant_type: str = "authorization_code"
    token_request_method: Literal["GET", "POST"] = "POST"
    token_request_scope: bool = False
    token_params: Mapping[str, str] = field(default_factory=dict)
    token_request_encoding: Literal["form", "json"] = "form"
    token_request_headers: Mapping[str, str] = field(default_factory=dict)
    token_answer_encodings: tuple[Literal["json", "form"], ...] = ("json",)
    access_token_path: str = "access_token"
    refresh_token_path: str = "refresh_token"
    expires_in_path: str = "expires_in"
    expires_at_path: str = ""
    expiry_in_token: bool = False
    scope_path: str = "scope"
    keep: tuple[str, ...] = ()
    secondary_tokens: tuple[SecondaryTokenRule, ...] = ()
    success_check: Check | None = None
    error_aliases: Mapping[str, str] = field(default_factory=dict)
    error_rules: tuple[ErrorRule, ...] = ()
    long_lived: LongLivedExchange | None = None
    refresh: Refresh = field(default_factory=Refresh)


@dataclass(frozen=True, kw_only=True)
class Api:
    """`[api]`: where and how the service's API is called. `headers` and `query` are sent with every call;
    `access_token_parameter` names the query parameter that carries the token where no header does. `ended_token`: the
    responses, other than a 401, by which the API says that the token has ended."""

    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    access_token_header: str = "Authorization: Bearer {access_token}"
    access_token_parameter: str = ""
    ended_token: tuple[EndedTokenSign, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Scope:
    """`[[scopes]]`: one permission and its description. `default`: selected beforehand, the smallest useful set.

    `aliases`: other names under which the service reports it as granted. `included_in`: larger scopes which, once
    granted, the service reports instead of it. `reported = false`: never in a token response, so never counted as
    missing. `caution`: a warning shown beside it. `parameter`: the request parameter for it, where it differs from
    `scope_parameter`. `host`: the one of `[[hosts]]` at which it is used; empty for the base URL.
    """

    name: str
    description: str
    access: Access
    default: bool = False
    reported: bool = True
    aliases: tuple[str, ...] = ()
    included_in: tuple[str, ...] = ()
    caution: str = ""
    parameter: str = ""
    host: str = ""


@dataclass(frozen=True, kw_only=True)
class Param:
    """`[[params]]`: one placeholder. The whole value must match `pattern` (a regular expression of RE2).

    `field`: the redirect's parameter or the path in the token response that holds it, if it is not `name`.
    `extract`: a regular expression for that text, whose only group is the value.
    `callback_field`: a redirect parameter whose value takes precedence over what the person typed.
    """

    name: str
    label: str
    pattern: str
    example: str
    source: ParamSource
    default: str = ""
    hint: str = ""
    optional: bool = False
    field: str = ""
    extract: str = ""
    callback_field: str = ""

    @property
    def choices(self) -> list[str]:
        """The allowed values, where the pattern only lists some: they are offered in a select. Empty otherwise."""
        values = values_in(self.pattern)
        return values if len(values) > 1 else []


@dataclass(frozen=True, kw_only=True)
class Identity:
    """`[identity]`: what identifies the account of a connection beyond `[account]` and `[answer_account]`.

    `subject_param`: a parameter whose value is the account's stable ID (such as a company ID in the redirect).
    `unknown`: why the service does not identify the account by a stable ID.
    """

    subject_param: str = ""
    unknown: str = ""


@dataclass(frozen=True, kw_only=True)
class ApiHost:
    """`[[hosts]]`: a further API host of the service, which calls reach by its name."""

    name: str
    base_url: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Hero:
    """`[hero]`: once the service is set up, it is featured above the list with this title and text."""

    title: str
    text: str


@dataclass(frozen=True, kw_only=True, eq=False)
class CatalogEntry:
    """One service: the whole file, and its slug (the file name). Compared by identity, since each is read once."""

    slug: str
    name: str
    category: Category
    description: str
    kind: Kind
    links: Links = field(default_factory=Links)
    metadata: Metadata
    icon: str = ""
    hero: Hero | None = None
    # Its position among the services that are most looked for, from 1; 0 for all others.
    popular: int = 0
    api: Api
    hosts: tuple[ApiHost, ...] = ()
    identity: Identity = field(default_factory=Identity)
    # The table of the kind is present, the others are None (see `rules.py`).
    oauth2: OAuth2 | None = None
    account: AccountEndpoint | None = None
    answer_account: AnswerAccount | None = None
    placement: Placement | None = None
    client_credentials: ClientCredentialsGrant | None = None
    oauth1: OAuth1 | None = None
    api_key: ApiKey | None = None
    basic: Basic | None = None
    fields: tuple[Field, ...] = ()
    verification: Verification | None = None
    revocation: RevocationEndpoint | None = None
    scopes: tuple[Scope, ...] = ()
    params: tuple[Param, ...] = ()
    # How its OAuth app is registered; None where that is not written down yet.
    guide: Guide | None = None

    @property
    def scope_separator(self) -> str:
        """The separator between scopes in a request."""
        table = self.oauth2 or self.client_credentials or self.oauth1
        return table.scope_separator if table else " "

    @property
    def default_scopes(self) -> tuple[str, ...]:
        """The names of the scopes that are selected beforehand."""
        return tuple(scope.name for scope in self.scopes if scope.default)

    @property
    def identifies_account(self) -> bool:
        """Whether connections have a stable ID of their account, so that two of one account are recognized."""
        tables = (self.account, self.answer_account, self.verification)
        return bool(self.identity.subject_param) or any(table and table.subject_path for table in tables)

    def params_from(self, source: ParamSource) -> tuple[Param, ...]:
        """The placeholders whose value comes from `source`."""
        return tuple(param for param in self.params if param.source == source)
