"""The tables of a provider's TOML file for services that do not speak OAuth 2.0 with a consent page.

`{name}` in their values stands for one of `[[fields]]` (what the person enters and we keep secret) or `[[params]]`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from apps.oauth.provider import Check


@dataclass(frozen=True, kw_only=True)
class Field:
    """`[[fields]]`: one value that the person enters. `pattern` (the whole value, ASCII) only where it is certain."""

    name: str
    label: str
    secret: bool = True
    pattern: str = ""
    example: str = ""
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """`[api_key]`: where the fields go. `path` begins the path of every address; its fields need a pattern."""

    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    path: str = ""


@dataclass(frozen=True, kw_only=True)
class Basic:
    """`[basic]`: user name and password of RFC 7617, made of the fields."""

    username: str = ""
    password: str = ""


@dataclass(frozen=True, kw_only=True)
class ClientCredentialsGrant:
    """`[client_credentials]`: RFC 6749 4.4, with a client that is the connection's own.

    The fields `client_id` and `client_secret` are what it signs in with.
    """

    token_url: str
    # Never "none": without a secret there is no client to trust (RFC 6749 4.4).
    token_endpoint_auth_method: Literal["client_secret_basic", "client_secret_post"]
    grant_type: str = "client_credentials"
    token_params: Mapping[str, str] = field(default_factory=dict)
    token_request_encoding: Literal["form", "json"] = "form"
    default_expires_in: int | None = None
    scope_separator: str = " "


@dataclass(frozen=True, kw_only=True)
class OAuth1:
    """`[oauth1]`: RFC 5849, each key as in `apps.oauth.oauth1.OAuth1Provider`."""

    request_token_url: str
    authorization_url: str
    access_token_url: str
    authorization_params: Mapping[str, str] = field(default_factory=dict)
    request_headers: Mapping[str, str] = field(default_factory=dict)
    scope_parameter: str | None = None
    scope_separator: str = " "
    scope_is_one: bool = False
    keep: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Verification:
    """`[verification]`: a call that changes nothing and tells whether the access works.

    `subject_path` leads to a stable ID of the account, `label_paths` to its name, the first that is there. An answer
    with one of `limited_statuses` (that meets `limited_check`, if there is one) means: right, but not allowed to make
    this call.
    """

    method: Literal["GET", "POST"] = "GET"
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    subject_path: str | None = None
    label_paths: tuple[str, ...] = ()
    success_check: Check | None = None
    limited_statuses: tuple[int, ...] = ()
    limited_check: Check | None = None
