"""The tables of a catalog entry for services without an OAuth 2.0 consent page.

`{name}` in their values refers to one of `[[fields]]` (credentials that the person enters) or `[[params]]`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from apps.oauth.conditions import ErrorRule
from apps.oauth.paths import Check


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
    """`[api_key]`: where the fields are sent. `path` is the beginning of every URL path; its fields need a pattern."""

    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    path: str = ""


@dataclass(frozen=True, kw_only=True)
class Basic:
    """`[basic]`: user name and password of RFC 7617, built from the fields."""

    username: str = ""
    password: str = ""


@dataclass(frozen=True, kw_only=True)
class ClientCredentialsGrant:
    """`[client_credentials]`: RFC 6749 4.4, with a client of each connection's own: its fields `client_id` and
    `client_secret`."""

    token_url: str
    # Never "none": the grant is for confidential clients only (RFC 6749 4.4).
    token_endpoint_auth_method: Literal["client_secret_basic", "client_secret_post"]
    grant_type: str = "client_credentials"
    token_params: Mapping[str, str] = field(default_factory=dict)
    token_request_encoding: Literal["form", "json"] = "form"
    default_expires_in: int | None = None
    scope_separator: str = " "
    # The token response, each key as in `apps.oauth.provider.ProviderConfig`.
    basic_credentials: Literal["encoded", "raw"] = "encoded"
    access_token_path: str = "access_token"
    refresh_token_path: str = "refresh_token"
    expires_in_path: str = "expires_in"
    scope_path: str = "scope"
    scope_response_separator: str | None = None
    success_check: Check | None = None
    error_rules: tuple[ErrorRule, ...] = ()


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
    """`[verification]`: a call without side effects that shows whether the credentials work.

    `subject_path` is the path of a stable account ID, `label_paths` those of its name, the first present one wins. A
    response with one of `limited_statuses` (and matching `limited_check`, if set) means that the credentials are valid
    but not allowed to make this call.
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
