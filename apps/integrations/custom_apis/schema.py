"""What a team enters about its own API: the fields of the Authentication tab, as the page, the REST API, the import and
discovery all know them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args

from apps.oauth.provider import AuthMethod

AuthType = Literal["none", "api_key", "basic", "oauth2", "oauth2_client_credentials"]
KeyLocation = Literal["header", "query", "bearer"]
AUTH_TYPES: tuple[str, ...] = get_args(AuthType)
KEY_LOCATIONS: tuple[str, ...] = get_args(KeyLocation)
AUTH_METHODS: tuple[str, ...] = get_args(AuthMethod)

# Where a client secret, a refresh token or an access token is sent, so that a change asks for the secret again.
SECRET_ADDRESSES = ("authorization_url", "token_url", "refresh_url", "revocation_url")
ADDRESSES = (*SECRET_ADDRESSES, "account_url", "issuer", "registration_url")


@dataclass(frozen=True, kw_only=True)
class CustomScope:
    """A permission that people are offered. Without `access` it is told from the name."""

    name: str
    description: str = ""
    access: Literal["", "read", "write", "admin"] = ""


@dataclass(frozen=True, kw_only=True)
class Authentication:
    """How people sign in. Which fields count depends on `type`; the others are kept, and do nothing.

    The client's ID and secret are not among them: they are the team's OAuth app. With
    `type = "oauth2_client_credentials"`, each connection enters a client of its own.
    """

    type: AuthType = "none"
    # api_key; with "bearer" the name is Authorization
    key_location: KeyLocation = "bearer"
    key_name: str = ""
    key_prefix: str = ""
    # oauth2 and oauth2_client_credentials
    authorization_url: str = ""
    token_url: str = ""
    scopes: tuple[CustomScope, ...] = ()
    # behind "advanced"
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
    # Where the issuer registers clients by itself (RFC 7591); empty where it is not known to.
    registration_url: str = ""
    account_url: str = ""
    account_subject_path: str = ""
    account_label_path: str = ""

    def as_json(self) -> dict[str, Any]:
        """For the row, and back with `authentication_from`."""
        return asdict(self) | {"scopes": [asdict(scope) for scope in self.scopes]}

    def with_values(self, values: Mapping[str, Any]) -> "Authentication":
        """With these fields in their places."""
        return replace(self, **values)


NAMES = tuple(item.name for item in fields(Authentication))


def authentication_from(stored: Mapping[str, Any]) -> Authentication:
    """From a row; what an older version stored and this one does not know is left out."""
    known = {name: value for name, value in stored.items() if name in NAMES}
    if "scopes" in known:
        known["scopes"] = tuple(CustomScope(**scope) for scope in known["scopes"])
    return Authentication(**known)


def missing(authentication: Authentication, *, has_client: bool) -> list[str]:
    """The fields that have to be filled in before anybody can connect."""
    wanted: Iterable[str]
    match authentication.type:
        case "api_key" if authentication.key_location != "bearer":
            wanted = ("key_name",)
        case "oauth2":
            wanted = ("authorization_url", "token_url")
        case "oauth2_client_credentials":
            wanted = ("token_url",)
        case _:
            wanted = ()
    lacking = [name for name in wanted if not getattr(authentication, name)]
    return lacking + (["client_id"] if authentication.type == "oauth2" and not has_client else [])
