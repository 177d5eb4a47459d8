"""The shape of a provider's TOML file: each dataclass is one table, each field one key, each default an omitted key.

`[oauth2]`, `[account]`, `[answer_account]`, `[placement]` and `[revocation]` are facts about the protocol, with the
keys of `apps.oauth.provider`; `[[scopes]]` and `[[params]]` are what a person sees. The
tables of the other kinds stand in `key_schema.py`.
Placeholders such as `{origin}` may stand in URLs, headers, parameters and scopes; each is declared in `[[params]]`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from apps.integrations.catalog.choices import values_in
from apps.integrations.catalog.key_schema import ApiKey, Basic, ClientCredentialsGrant, Field, OAuth1, Verification
from apps.oauth.provider import (
    AccountEndpoint,
    AnswerAccount,
    AuthMethod,
    Check,
    LongLivedExchange,
    Placement,
    RevocationEndpoint,
    SecondaryTokenRule,
)

Kind = Literal["oauth2", "oauth2_client_credentials", "oauth1", "api_key", "basic", "none"]
Access = Literal["read", "write", "admin"]
Category = Literal[
    "crm",
    "communication",
    "developer-tools",
    "productivity",
    "storage",
    "marketing",
    "accounting",
    "commerce",
    "support",
    "hr",
    "analytics",
    "design",
    "social",
    "identity",
    "finance",
    "ai",
    "calendar-and-mail",
    "project-management",
    "video",
    "other",
]
CATEGORY_LABELS: dict[str, str] = {
    "crm": "Sales",
    "communication": "Communication",
    "developer-tools": "Developer tools",
    "productivity": "Documents",
    "storage": "Files",
    "marketing": "Marketing",
    "accounting": "Accounting",
    "commerce": "Commerce",
    "support": "Support",
    "hr": "People",
    "analytics": "Analytics",
    "design": "Design",
    "social": "Social",
    "identity": "Directories",
    "finance": "Finance",
    "ai": "AI",
    "calendar-and-mail": "Calendar and mail",
    "project-management": "Projects",
    "video": "Video",
    "other": "Other",
}
# Where a value comes from: typed by the person who connects; set once with the OAuth app; found in the token answer;
# in the redirect that answers the authorization request; or by a call right after connecting (`[placement]`).
ParamSource = Literal["user", "client", "token_response", "callback", "post_connect"]


@dataclass(frozen=True, kw_only=True)
class Links:
    """`[links]`: the service's own pages. `console_url` is where one registers an OAuth app, `manage_url` where a
    person takes a grant back."""

    docs_url: str = ""
    console_url: str = ""
    manage_url: str = ""


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """`[facts]`: how far to trust the file. `checked` says by what its essentials were confirmed: the vendor's own
    pages (`evidence`), or only public libraries that connect to the same service (`sources`); `team`: a team described
    its own API. `unverified` names the keys (dotted) that rest on general knowledge."""

    checked: Literal["vendor", "libraries", "team"]
    evidence: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Refresh:
    """`[oauth2.refresh]`. `rotation`: none (the old token stays), grace (the old one works on for a while), strict
    (it dies with its use). `default_expires_in`: seconds to assume where the token answer does not say.
    `earliest_refresh`: seconds after the issue of a token before which the service refuses to refresh it.
    `auth_method`: where it is another one than with a code."""

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
    """`[oauth2]`: the protocol as this service speaks it, each key as in `apps.oauth.provider.ProviderConfig`."""

    authorization_url: str
    token_url: str
    token_endpoint_auth_method: AuthMethod
    issuer: str | None = None
    iss_required: bool = False
    pkce: bool = True
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
    token_types: tuple[str, ...] = ("bearer",)
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
    long_lived: LongLivedExchange | None = None
    refresh: Refresh = field(default_factory=Refresh)


@dataclass(frozen=True, kw_only=True)
class Api:
    """`[api]`: where and how the service's API is called with a connection's access. `query` belongs to every call;
    `access_token_parameter` names the one that carries the token where no header does."""

    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    access_token_header: str = "Authorization: Bearer {access_token}"
    access_token_parameter: str = ""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """`[[scopes]]`: one permission, in words. `default`: ticked beforehand, the smallest useful set.

    `aliases`: other spellings in which the service reports it as granted. `included_in`: larger scopes in whose favour
    the service leaves it out of its answer. `reported = false`: never in its answer, so never held to be missing.
    `caution`: one sentence for a person who is about to tick it. `parameter`: the one that asks for it, where it is
    not the usual one.
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


@dataclass(frozen=True, kw_only=True)
class Param:
    """`[[params]]`: one placeholder. The whole value must match `pattern` (a Python regular expression, ASCII).

    `field`: where the service says it (a redirect's parameter, a path in the token answer), if not under `name`.
    `extract`: a regular expression for what is said there, whose one group is the value.
    `callback_field`: a redirect's parameter whose value wins over what the person typed.
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
        """The values, where there are only a few: they are chosen, not typed. Empty for anything else."""
        values = values_in(self.pattern)
        return values if len(values) > 1 else []


@dataclass(frozen=True, kw_only=True)
class Hero:
    """`[hero]`: once the service is set up, it stands above the list of all others with these words."""

    title: str
    text: str


@dataclass(frozen=True, kw_only=True, eq=False)
class CatalogEntry:
    """One built-in service: the whole file, and the slug that is its name. It is read once, and equals itself only."""

    slug: str
    name: str
    category: Category
    description: str
    kind: Kind
    links: Links = field(default_factory=Links)
    facts: Metadata
    icon: str = ""
    hero: Hero | None = None
    api: Api
    # The one of the kind, and with OAuth 2.0 the account; the reader sees to it.
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

    @property
    def scope_separator(self) -> str:
        """What stands between scopes, by the protocol of the kind."""
        table = self.oauth2 or self.client_credentials or self.oauth1
        return table.scope_separator if table else " "

    @property
    def default_scopes(self) -> tuple[str, ...]:
        """Names of the smallest useful set."""
        return tuple(scope.name for scope in self.scopes if scope.default)

    def params_from(self, source: ParamSource) -> tuple[Param, ...]:
        """The placeholders whose value comes from `source`."""
        return tuple(param for param in self.params if param.source == source)
