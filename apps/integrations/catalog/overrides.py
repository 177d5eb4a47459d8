"""Overrides of the catalog entry by an OAuth app: validated, and applied to the provider config. Pure.

Stored as JSON; a key is absent where nothing is overridden: `pkce` (boolean), `token_endpoint_auth_method`,
`extra_scopes` (names), `authorization_params` and `token_params` (value by name; an empty value removes the provider's
parameter).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, get_args

from django.utils.translation import gettext

from apps.oauth.authorization import RESERVED_PARAMETERS
from apps.oauth.provider import AuthMethod, ProviderConfig

AUTH_METHODS: tuple[str, ...] = get_args(AuthMethod)
# Set by RFC 6749 (4.1.1, 4.1.3, 6), RFC 7636 and RFC 7523; those of RFC 9101 would replace the whole request.
RESERVED = {
    "authorization_params": RESERVED_PARAMETERS | {"scope", "request", "request_uri"},
    "token_params": frozenset(
        {
            "client_assertion",
            "client_assertion_type",
            "client_id",
            "client_secret",
            "code",
            "code_verifier",
            "grant_type",
            "redirect_uri",
            "refresh_token",
        }
    ),
}
MOST = 50
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}")  # RFC 6749 3.3
_NAME = re.compile(r"[A-Za-z0-9_.\-\[\]]{1,60}")
_KNOWN = ("pkce", "token_endpoint_auth_method", "extra_scopes", *RESERVED)


def scope_problem(names: Iterable[object]) -> str:
    """What is wrong with names of scopes, as a message; empty if they are valid."""
    listed = list(names)
    if len(listed) > MOST:
        return gettext("Enter at most %(most)s permissions.") % {"most": MOST}
    for name in listed:
        if not isinstance(name, str) or not _SCOPE.fullmatch(name):
            return gettext("A permission’s name must not contain spaces, quotes, backslashes or non-ASCII characters.")
    return ""


def problems(overrides: Mapping[str, Any], *, scope_parameter: str = "scope") -> list[tuple[str, str]]:
    """What is wrong with the overrides, as (key, message); empty if they are valid."""
    found = [(key[:60], gettext("There is no such override.")) for key in overrides if key not in _KNOWN]
    if "pkce" in overrides and not isinstance(overrides["pkce"], bool):
        found.append(("pkce", gettext("PKCE must be true or false.")))
    method = overrides.get("token_endpoint_auth_method")
    if method is not None and method not in AUTH_METHODS:
        found.append(
            ("token_endpoint_auth_method", gettext("Choose one of %(names)s.") % {"names": ", ".join(AUTH_METHODS)})
        )
    scopes = overrides.get("extra_scopes", [])
    sentence = scope_problem(scopes) if isinstance(scopes, list) else gettext("Enter a list of names.")
    if sentence:
        found.append(("extra_scopes", sentence))
    for key, reserved in RESERVED.items():
        taken = reserved | {scope_parameter.lower()} if key == "authorization_params" else reserved
        if sentence := _params_problem(overrides.get(key, {}), taken):
            found.append((key, sentence))
    return found


def _params_problem(params: object, reserved: frozenset[str]) -> str:
    if not isinstance(params, Mapping) or len(params) > MOST:
        return gettext("Enter at most %(most)s parameters, each as name=value.") % {"most": MOST}
    for name, value in params.items():
        if isinstance(name, str) and name.lower() in reserved:
            return gettext("%(name)s is set by the protocol and cannot be overridden.") % {"name": name}
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            return gettext("A parameter’s name may only contain letters, digits and . _ - [ ]")
        if not isinstance(value, str) or not value.isprintable() or len(value) > 500:
            return gettext("The value of %(name)s must be one line of text, at most 500 characters.") % {"name": name}
    return ""


def applied(provider: ProviderConfig, overrides: Mapping[str, Any]) -> ProviderConfig:
    """The provider config with the overrides applied."""
    changes = {key: overrides[key] for key in ("pkce", "token_endpoint_auth_method") if key in overrides}
    if "token_endpoint_auth_method" in changes:
        changes["refresh_auth_method"] = None
    if params := overrides.get("authorization_params"):
        changes["authorization_params"] = _merged(provider.authorization_params, params)
    if params := overrides.get("token_params"):
        changes["token_params"] = _merged(provider.token_params, params)
        changes["refresh_params"] = _merged(provider.refresh_params, params)
    return replace(provider, **changes) if changes else provider


def _merged(params: Mapping[str, str], overriding: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in (dict(params) | dict(overriding)).items() if value}
