"""Builds the catalog entry of a custom API from the settings of its team. Pure."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext_noop

from apps.integrations.custom_apis.schema import SECRET_URLS, Authentication, CustomScope, wants_further_key

# Scopes that services do not list in token responses.
_NEVER_REPORTED = ("offline_access", "openid", "offline.access")
_ADMIN = re.compile(r"admin|manage|owner|delete|billing|full", re.IGNORECASE)
_READ = re.compile(r"read|view|get|list|openid|profile|email|offline|metadata", re.IGNORECASE)
# Up to this number, scopes were selected on purpose: all but those with admin access are the default.
_FEW = 10
_SUBJECT = "sub | id | user_id"
_LABEL = "email | name | login | username | preferred_username"
# The fields that are keys of [oauth2], left out where they are empty.
RESPONSE_FIELDS = (
    "basic_credentials",
    "scope_response_separator",
    "access_token_path",
    "refresh_token_path",
    "expires_in_path",
    "scope_path",
    "success_check",
    "error_rules",
)


def definition_of(
    *,
    name: str,
    description: str,
    base_url: str,
    params: Sequence[Mapping[str, Any]],
    authentication: Authentication,
    hosts: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """A document in the schema of `catalog/schema.py`, for `catalog.reader.read_definition`."""
    document: dict[str, Any] = {
        "name": name,
        "category": "other",
        "description": description[:60],
        "kind": authentication.type,
        "metadata": {"checked": "team"},
        "api": {"base_url": base_url, **_ended_token(authentication), **_sent_beside_token(authentication)},
        "params": [dict(param) for param in params],
        "hosts": [dict(host) for host in hosts],
    }
    return document | _BY_TYPE[authentication.type](authentication)


def _ended_token(authentication: Authentication) -> dict[str, Any]:
    signs = authentication.as_json()["ended_token"]
    return {"ended_token": signs} if signs else {}


def _sent_beside_token(authentication: Authentication) -> dict[str, Any]:
    """The further key of OAuth 2.0, as a header or parameter of each call."""
    if not wants_further_key(authentication):
        return {}
    key = authentication.further_keys[0]
    return {"query" if key.location == "query" else "headers": {key.name: "{further_key}"}}


def _none(authentication: Authentication) -> dict[str, Any]:
    return {}


def _api_key(authentication: Authentication) -> dict[str, Any]:
    prefix = authentication.key_prefix or ("Bearer" if authentication.key_location == "bearer" else "")
    # A prefix such as "Token token=" is attached to the key.
    value = f"{prefix}{{key}}" if not prefix or prefix.endswith("=") else f"{prefix} {{key}}"
    if authentication.key_location == "query":
        api_key: dict[str, Any] = {"query": {authentication.key_name: value}}
    else:
        header = "Authorization" if authentication.key_location == "bearer" else authentication.key_name
        api_key = {"headers": {header: value}}
    further, more = _further_keys(authentication)
    tables = {table: {**api_key.get(table, {}), **further.get(table, {})} for table in {**api_key, **further}}
    return {"api_key": tables, "fields": [{"name": "key", "label": gettext_noop("API key")}, *more]}


def _further_keys(authentication: Authentication) -> tuple[dict[str, dict[str, str]], list[dict[str, str]]]:
    """`[api_key]` with the further keys, and their `[[fields]]`."""
    tables: dict[str, dict[str, str]] = {}
    fields = []
    for number, further in enumerate(authentication.further_keys, start=2):
        table = "query" if further.location == "query" else "headers"
        tables.setdefault(table, {})[further.name] = f"{{key_{number}}}"
        fields.append({"name": f"key_{number}", "label": further.name})
    return tables, fields


def _basic(authentication: Authentication) -> dict[str, Any]:
    tables, more = _further_keys(authentication)
    return {
        "basic": {"username": "{username}", "password": "{password}"},
        **({"api_key": tables} if tables else {}),
        "fields": [
            {"name": "username", "label": gettext_noop("User name"), "secret": False},
            {"name": "password", "label": "Password"},
            *more,
        ],
    }


def _client_credentials(authentication: Authentication) -> dict[str, Any]:
    return {
        "client_credentials": {
            "token_url": authentication.token_url,
            "token_endpoint_auth_method": authentication.token_endpoint_auth_method,
            "token_params": _targets(authentication) | dict(authentication.token_params),
            "scope_separator": authentication.scope_separator,
            **_responses(authentication),
        },
        "fields": [
            {"name": "client_id", "label": gettext_noop("Client ID"), "secret": False},
            {"name": "client_secret", "label": gettext_noop("Client secret")},
            *({"name": "further_key", "label": key.name} for key in authentication.further_keys),
        ],
        **_scopes_and_revocation(authentication),
    }


def _oauth2(authentication: Authentication) -> dict[str, Any]:
    targets = _targets(authentication)
    table: dict[str, Any] = {
        "authorization_url": authentication.authorization_url,
        "token_url": authentication.token_url,
        "token_endpoint_auth_method": authentication.token_endpoint_auth_method,
        "pkce": authentication.pkce,
        "scope_separator": authentication.scope_separator,
        "authorization_params": targets | dict(authentication.authorization_params),
        "token_params": targets | dict(authentication.token_params),
        # The content type of form-encoded responses is not reliable, so both encodings are accepted.
        "token_answer_encodings": ["json", "form"],
        "refresh": {
            # The safe assumption where it is not known whether refresh tokens can be used twice.
            "rotation": "strict",
            "params": targets | dict(authentication.token_params),
            **({"url": authentication.refresh_url} if authentication.refresh_url else {}),
        },
        "iss_required": authentication.iss_required and bool(authentication.issuer),
        **_responses(authentication),
    }
    if authentication.issuer:
        table["issuer"] = authentication.issuer
    return {"oauth2": table, **_account(authentication), **_scopes_and_revocation(authentication)}


def _responses(authentication: Authentication) -> dict[str, Any]:
    """How the responses of the token endpoint differ from the RFC."""
    values = authentication.as_json()
    return {name: values[name] for name in RESPONSE_FIELDS if values[name]}


def _oauth1(authentication: Authentication) -> dict[str, Any]:
    table = {
        "request_token_url": authentication.request_token_url,
        "authorization_url": authentication.authorization_url,
        "access_token_url": authentication.token_url,
        "authorization_params": dict(authentication.authorization_params),
    }
    if not authentication.account_url:
        return {"oauth1": table}
    verification = {
        "url": authentication.account_url,
        "subject_path": authentication.account_subject_path or _SUBJECT,
        "label_paths": [authentication.account_label_path or _LABEL],
    }
    return {"oauth1": table, "verification": verification}


def _targets(authentication: Authentication) -> dict[str, str]:
    """The API that the token is for: `resource` of RFC 8707, or the older `audience`."""
    targets = {"audience": authentication.audience, "resource": authentication.resource}
    return {name: value for name, value in targets.items() if value}


def _account(authentication: Authentication) -> dict[str, Any]:
    if not authentication.account_url:
        return {}
    return {
        "account": {
            "method": "GET",
            "url": authentication.account_url,
            "subject_path": authentication.account_subject_path or _SUBJECT,
            "label_path": authentication.account_label_path or _LABEL,
        }
    }


def _scopes_and_revocation(authentication: Authentication) -> dict[str, Any]:
    listed = [_scope(scope, few=len(authentication.scopes) <= _FEW) for scope in authentication.scopes]
    tables: dict[str, Any] = {"scopes": listed}
    if authentication.revocation_url:
        tables["revocation"] = {"url": authentication.revocation_url}
    return tables


def _scope(scope: CustomScope, *, few: bool) -> dict[str, Any]:
    access = scope.access or access_of(scope.name)
    return {
        "name": scope.name,
        "description": scope.description or scope.name,
        "access": access,
        "default": scope.default if scope.default is not None else access == "read" or (few and access != "admin"),
        "reported": scope.name not in _NEVER_REPORTED,
    }


def access_of(scope: str) -> str:
    """The probable access of a scope, derived from its name where none is set."""
    if _ADMIN.search(scope):
        return "admin"
    return "read" if _READ.search(scope) else "write"


_BY_TYPE = {
    "none": _none,
    "api_key": _api_key,
    "basic": _basic,
    "oauth2": _oauth2,
    "oauth1": _oauth1,
    "oauth2_client_credentials": _client_credentials,
}


def base_url_fingerprint(
    *, base_url: str, authentication: Authentication, hosts: Sequence[Mapping[str, Any]] = ()
) -> str:
    """A hash of the URLs to which secrets and tokens are sent; those entered for other URLs are not sent to these.

    Of the base URL, the further hosts and the account endpoint only scheme and host count: the path does not change who
    receives them. A further host that is the base URL's is left out, since it has them anyway. So is the revocation
    URL: it can be added later, and `connections.services.revocation_host` keeps earlier tokens from another host in it.
    """
    used = authentication.type in ("oauth2", "oauth2_client_credentials", "oauth1")
    urls = {name: getattr(authentication, name) if used else "" for name in SECRET_URLS}
    if authentication.type != "oauth1":
        del urls["request_token_url"]
    origins = [origin(base_url), origin(authentication.account_url) if used else ""]
    origins += sorted({origin(host["base_url"]) for host in hosts} - {origins[0]})
    hashed = urls | {"revocation_url": ""}  # empty, as earlier versions hashed one at the token endpoint's host
    return hashlib.sha256(json.dumps([*hashed.values(), *origins]).encode()).hexdigest()


def origin(url: str) -> str:
    """Scheme and host, with the port where it is in the URL, in lower case."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
