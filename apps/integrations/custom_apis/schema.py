"""The authentication settings of a custom API, shared by the page, the REST API, the import and discovery. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args

from apps.integrations.custom_apis.rule_lines import rules_from, signs_from
from apps.oauth.conditions import EndedTokenSign, ErrorRule
from apps.oauth.paths import Check
from apps.oauth.provider import AuthMethod

AuthType = Literal["none", "api_key", "basic", "oauth2", "oauth2_client_credentials", "oauth1"]
BasicCredentials = Literal["encoded", "raw"]
KeyLocation = Literal["header", "query", "bearer"]
AUTH_TYPES: tuple[str, ...] = get_args(AuthType)
KEY_LOCATIONS: tuple[str, ...] = get_args(KeyLocation)
AUTH_METHODS: tuple[str, ...] = get_args(AuthMethod)

# Client secrets and tokens are sent to these URLs, so that a change requires the secret to be entered again.
SECRET_URLS = ("authorization_url", "token_url", "refresh_url", "revocation_url", "request_token_url")
# The types whose client is stored as the team's OAuth app.
WITH_CLIENT = ("oauth2", "oauth1")
# The types whose calls can carry one further key beside the token.
WITH_TOKEN = ("oauth2", "oauth2_client_credentials")
URLS = (*SECRET_URLS, "account_url", "issuer", "registration_url")


# The scopes of metadata that are selected beforehand: who signs in, and a refresh token (OpenID Connect Core 5.4, 11).
IDENTITY_SCOPES = frozenset({"openid", "profile", "email", "offline_access", "offline", "offline.access"})


@dataclass(frozen=True, kw_only=True)
class CustomScope:
    """A permission on offer. Without `access` it is derived from the name, and so is whether it is the `default`."""

    name: str
    description: str = ""
    access: Literal["", "read", "write", "admin"] = ""
    default: bool | None = None


@dataclass(frozen=True, kw_only=True)
class FurtherKey:
    """A key that is sent in addition to the first one, to a user name and password, or to an access token: a header or
    query parameter."""

    name: str
    location: Literal["header", "query"] = "header"


@dataclass(frozen=True, kw_only=True)
class Authentication:
    """How people sign in. `type` decides which fields are used; the others are stored and ignored.

    Client ID and secret are stored as the team's OAuth app. With `type = "oauth2_client_credentials"`, each connection
    has its own client.
    """

    type: AuthType = "none"
    # api_key; with "bearer" the name is Authorization. `further_keys` are also for basic, and one of them for oauth2
    # (with the OAuth app) and oauth2_client_credentials (with each connection).
    key_location: KeyLocation = "bearer"
    key_name: str = ""
    key_prefix: str = ""
    further_keys: tuple[FurtherKey, ...] = ()
    # oauth1
    request_token_url: str = ""
    # oauth2, oauth2_client_credentials and oauth1, whose URL of access tokens is the token URL
    authorization_url: str = ""
    token_url: str = ""
    scopes: tuple[CustomScope, ...] = ()
    # "Advanced"
    issuer: str = ""
    iss_required: bool = False
    scope_separator: str = " "
    token_endpoint_auth_method: AuthMethod = "client_secret_basic"
    pkce: bool = True
    authorization_params: Mapping[str, str] = field(default_factory=dict)
    token_params: Mapping[str, str] = field(default_factory=dict)
    audience: str = ""
    resource: str = ""
    refresh_url: str = ""
    revocation_url: str = ""
    # The endpoint for dynamic client registration (RFC 7591); empty where none is known.
    registration_url: str = ""
    account_url: str = ""
    account_subject_path: str = ""
    account_label_path: str = ""
    # oauth2 and oauth2_client_credentials: where the service differs from the RFCs. An empty path is that of RFC 6749
    # 5.1.
    basic_credentials: BasicCredentials = "encoded"
    scope_response_separator: str = ""
    access_token_path: str = ""
    refresh_token_path: str = ""
    expires_in_path: str = ""
    scope_path: str = ""
    success_check: Check | None = None
    error_rules: tuple[ErrorRule, ...] = ()
    # every type: the responses of the API, other than a 401, by which it says that a token or key has ended
    ended_token: tuple[EndedTokenSign, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For the database; the inverse of `authentication_from`."""
        lists: dict[str, tuple[Any, ...]] = {"scopes": self.scopes, "further_keys": self.further_keys}
        rules: dict[str, Iterable[ErrorRule | EndedTokenSign]] = {
            "error_rules": self.error_rules,
            "ended_token": self.ended_token,
        }
        return (
            asdict(self)
            | {name: [asdict(item) for item in items] for name, items in lists.items()}
            | {name: [_as_json(rule) for rule in items] for name, items in rules.items()}
            | {"success_check": self.success_check and self.success_check._asdict()}
        )

    def with_values(self, values: Mapping[str, Any]) -> "Authentication":
        """A copy with these fields changed."""
        return replace(self, **values)


def _as_json(rule: ErrorRule | EndedTokenSign) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in rule._asdict().items()}


NAMES = tuple(item.name for item in fields(Authentication))


def authentication_from(stored: Mapping[str, Any]) -> Authentication:
    """From the database; unknown fields of other versions are ignored."""
    known = {name: value for name, value in stored.items() if name in NAMES}
    if "scopes" in known:
        known["scopes"] = tuple(CustomScope(**scope) for scope in known["scopes"])
    if "further_keys" in known:
        known["further_keys"] = tuple(FurtherKey(**key) for key in known["further_keys"])
    if known.get("success_check"):
        known["success_check"] = Check(**known["success_check"])
    known["error_rules"] = rules_from(known.get("error_rules", ()))
    known["ended_token"] = signs_from(known.get("ended_token", ()))
    return Authentication(**known)


def wants_further_key(authentication: Authentication) -> bool:
    """Whether calls carry a further key beside the access token."""
    return authentication.type in WITH_TOKEN and bool(authentication.further_keys)


def missing(authentication: Authentication, *, has_client: bool, has_further_key: bool = False) -> list[str]:
    """The fields that have to be filled in before people can connect."""
    required: Iterable[str]
    match authentication.type:
        case "api_key" if authentication.key_location != "bearer":
            required = ("key_name",)
        case "oauth2":
            required = ("authorization_url", "token_url")
        case "oauth1":
            required = ("request_token_url", "authorization_url", "token_url")
        case "oauth2_client_credentials":
            required = ("token_url",)
        case _:
            required = ()
    empty = [name for name in required if not getattr(authentication, name)]
    wants_stored_key = authentication.type == "oauth2" and wants_further_key(authentication)
    return (
        empty
        + (["client_id"] if authentication.type in WITH_CLIENT and not has_client else [])
        + (["further_key"] if wants_stored_key and not has_further_key else [])
    )
