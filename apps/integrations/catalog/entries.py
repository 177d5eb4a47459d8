"""The facts about services: the TOML files in `catalog/`, a team's own descriptions in their rows, and the provider
configuration made from either."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from apps.integrations.catalog import overrides
from apps.integrations.catalog.placeholders import UnsafeValue, checked_values, fill, fill_known, names_in, put
from apps.integrations.catalog.reader import read_definition, read_provider
from apps.integrations.catalog.schema import CatalogEntry, Links
from apps.integrations.errors import IntegrationMisconfigured
from apps.integrations.models import Integration, OAuthApp
from apps.oauth.provider import ProviderConfig, RevocationEndpoint

# The tables of `[oauth2]` whose values may hold placeholders.
_TEMPLATES = ("authorization_params", "token_params", "token_request_headers")
PROVIDERS_DIR = Path(__file__).parent.parent / "providers"


@lru_cache(maxsize=1)
def catalog() -> Mapping[str, CatalogEntry]:
    """Every built-in service by slug. Raises CatalogError, which the system check reports at start-up."""
    entries = [entry_in(path) for path in sorted(PROVIDERS_DIR.glob("*.toml"))]
    return MappingProxyType({entry.slug: entry for entry in entries})


@cache
def entry_in(path: Path) -> CatalogEntry:
    """The entry in a file of the catalog. Raises CatalogError. Read once: the check at start-up reads for all."""
    return read_provider(path)


@lru_cache(maxsize=1)
def code_parameters() -> frozenset[str]:
    """The names other than `code` under which some service's redirect carries its authorization code."""
    return frozenset(entry.oauth2.callback_code_parameter for entry in catalog().values() if entry.oauth2) - {"code"}


def entry_of(integration: Integration) -> CatalogEntry | None:
    """The facts of an integration: the catalog's, or a team's own. None where the file is gone, and for an API whose
    authentication its team has not described yet."""
    if integration.team_id is None:
        return catalog().get(integration.slug)
    return _described(json.dumps(integration.definition), integration.slug) if integration.definition else None


@lru_cache(maxsize=256)
def _described(definition: str, slug: str) -> CatalogEntry:
    return read_definition(json.loads(definition), slug=slug)


def entry_for(integration: Integration) -> CatalogEntry:
    """The same. Raises IntegrationMisconfigured where there are none."""
    entry = entry_of(integration)
    if entry is not None:
        return entry
    if integration.team_id is None:
        raise IntegrationMisconfigured(f"The catalog has no facts about {integration.name} any more.")
    raise IntegrationMisconfigured(
        f"How people sign in to {integration.name} is not described yet. An owner or admin does that in Custom APIs."
    )


def provider_config(
    integration: Integration, *, oauth_app: OAuthApp | None = None, params: Mapping[str, str] | None = None
) -> ProviderConfig:
    """What the protocol needs to know about the integration, its placeholders filled in, the OAuth app's overrides
    in force.

    Values of source `client` come from `oauth_app.params`, all others from `params` (a connection's). An address
    that waits for a value of the token answer or the callback is left out until it is there.
    Raises IntegrationMisconfigured where a value is missing or does not fit its pattern.
    """
    of_app, changes = (oauth_app.params, oauth_app.overrides) if oauth_app else ({}, {})
    return _provider_config(entry_for(integration), json.dumps([of_app, dict(params or {}), changes]))


@lru_cache(maxsize=1024)
def _provider_config(entry: CatalogEntry, given: str) -> ProviderConfig:
    """The same, kept: calls and refreshes ask again and again. `given`: params of app and connection, overrides."""
    of_app, params, changes = json.loads(given)
    values = _matched_values(entry, of_app, params)
    if entry.oauth2 is None:
        return _without_consent(entry, values)
    refresh, scopes = entry.oauth2.refresh, entry.scopes
    headers, query = standing(entry, values)
    scope_values = known(entry, {scope.name: scope.name for scope in scopes if names_in(scope.name)}, values)
    facts = {name: value for name, value in vars(entry.oauth2).items() if name != "refresh"}
    facts |= {
        **{name: known(entry, facts[name], values) for name in _TEMPLATES},
        "keep": (*entry.oauth2.keep, *(param.field or param.name for param in entry.params_from("token_response"))),
        "authorization_url": _required(entry, "authorization address", entry.oauth2.authorization_url, values),
        "token_url": _required(entry, "token address", entry.oauth2.token_url, values),
        "issuer": filled(entry, entry.oauth2.issuer, values),
        "long_lived": _endpoint(entry, entry.oauth2.long_lived, values),
    }
    provider = ProviderConfig(
        slug=entry.slug,
        name=entry.name,
        **facts,
        refresh_url=filled(entry, refresh.url, values),
        refresh_supported=refresh.supported,
        rotation=refresh.rotation,
        refresh_margin=refresh.margin,
        earliest_refresh=refresh.earliest_refresh,
        unused_lifetime=refresh.unused_lifetime,
        refresh_params=known(entry, refresh.params, values),
        refresh_auth_method=refresh.auth_method,
        refresh_repeats_redirect_uri=refresh.repeats_redirect_uri,
        default_expires_in=refresh.default_expires_in,
        ignored_scopes=frozenset(scope.name for scope in scopes if not scope.reported),
        scope_aliases={alias: scope.name for scope in scopes for alias in scope.aliases}
        | {value: name for name, value in scope_values.items()},
        scope_included_in={scope.name: frozenset(scope.included_in) for scope in scopes if scope.included_in},
        scope_parameters={scope.name: scope.parameter for scope in scopes if scope.parameter},
        scope_values=scope_values,
        api_base_url=filled(entry, entry.api.base_url, values),
        api_headers=headers,
        api_query=query,
        access_token_header=entry.api.access_token_header,
        access_token_parameter=entry.api.access_token_parameter,
        account=_endpoint(entry, entry.account, values),
        answer_account=entry.answer_account,
        placement=_endpoint(entry, entry.placement, values),
        revocation=_revocation(entry, values),
    )
    return overrides.applied(provider, changes)


def _without_consent(entry: CatalogEntry, values: Mapping[str, str]) -> ProviderConfig:
    """The same of a service of another kind, as far as it has any of it: no consent page, no refresh token."""
    grant = entry.client_credentials
    headers, query = standing(entry, values)
    signed = entry.oauth1.access_token_url if entry.oauth1 else ""
    facts: dict[str, Any] = {
        "token_url": _required(entry, "token address", grant.token_url if grant else signed, values)
    }
    if grant:
        facts |= {
            "token_endpoint_auth_method": grant.token_endpoint_auth_method,
            "token_request_encoding": grant.token_request_encoding,
            "token_params": {name: put(value, values) for name, value in grant.token_params.items()},
            "client_grant_type": grant.grant_type,
            "default_expires_in": grant.default_expires_in,
            "scope_separator": grant.scope_separator,
        }
    return ProviderConfig(
        slug=entry.slug,
        name=entry.name,
        authorization_url="",
        refresh_supported=False,
        # Asking for one token more does no harm to those before.
        rotation="none",
        ignored_scopes=frozenset(scope.name for scope in entry.scopes if not scope.reported),
        api_base_url=filled(entry, entry.api.base_url, values),
        api_headers=headers,
        api_query=query,
        access_token_header=entry.api.access_token_header,
        access_token_parameter=entry.api.access_token_parameter,
        revocation=_endpoint(entry, entry.revocation, values),
        **facts,
    )


def links(entry: CatalogEntry, oauth_app: OAuthApp | None) -> Links:
    """The service's own pages. One that needs a value of the OAuth app is empty without it."""
    try:
        values = checked_values(entry.params_from("client"), oauth_app.params if oauth_app else {})
    except UnsafeValue:
        values = {}
    return Links(**{name: filled(entry, url, values) or "" for name, url in vars(entry.links).items()})


def placeholder_values(entry: CatalogEntry, oauth_app: OAuthApp | None, params: Mapping[str, str]) -> dict[str, str]:
    """The values of the entry's placeholders, each matched against its pattern. Raises IntegrationMisconfigured."""
    return _matched_values(entry, oauth_app.params if oauth_app else {}, params)


def _matched_values(entry: CatalogEntry, of_app: Mapping[str, str], params: Mapping[str, str]) -> dict[str, str]:
    own = entry.params_from("client")
    given = [param for param in entry.params if param.source != "client"]
    try:
        values = checked_values(own, of_app) | checked_values(given, params)
    except UnsafeValue as unsafe:
        raise IntegrationMisconfigured(f"{entry.name} cannot be reached: {unsafe}") from None
    for param in entry.params:
        if param.source in ("client", "user") and not param.optional and param.name not in values:
            whose = "the OAuth app" if param.source == "client" else "the connection"
            raise IntegrationMisconfigured(f"{entry.name} cannot be reached: {whose} has no value for {param.label}.")
    return values


def standing(entry: CatalogEntry, values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The headers and the query of every call to the API, without those whose value is not known."""
    return known(entry, entry.api.headers, values), known(entry, entry.api.query, values)


def filled(entry: CatalogEntry, template: str | None, values: Mapping[str, str]) -> str | None:
    """The address, or None while one of its values is not known."""
    if template is None or names_in(template) - values.keys():
        return None
    try:
        return fill(template, values)
    except UnsafeValue as unsafe:
        raise IntegrationMisconfigured(f"{entry.name} cannot be reached: {unsafe}") from None


def _required(entry: CatalogEntry, what: str, template: str, values: Mapping[str, str]) -> str:
    """The address; empty while it waits for a value of the redirect."""
    url = filled(entry, template, values)
    awaited = {param.name for param in entry.params_from("callback")}
    if url is None and names_in(template) - values.keys() - awaited:
        raise IntegrationMisconfigured(f"{entry.name} cannot be reached: a value of its {what} is not known yet.")
    return url or ""


def _endpoint(entry: CatalogEntry, endpoint: Any, values: Mapping[str, str]) -> Any:
    """An endpoint with its address, headers and form filled in; None where there is none (yet)."""
    url = filled(entry, endpoint.url, values) if endpoint else None
    if not url:
        return None
    templates = {name: getattr(endpoint, name) for name in ("headers", "form") if hasattr(endpoint, name)}
    return replace(endpoint, url=url, **{name: known(entry, text, values) for name, text in templates.items()})


def _revocation(entry: CatalogEntry, values: Mapping[str, str]) -> RevocationEndpoint | None:
    """None also while a parameter waits for its value: a call without it would be refused, or mean something else."""
    endpoint: RevocationEndpoint | None = _endpoint(entry, entry.revocation, values)
    if endpoint is None:
        return None
    params = known(entry, endpoint.params, values)
    return replace(endpoint, params=params) if len(params) == len(endpoint.params) else None


def known(entry: CatalogEntry, templates: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Those headers or parameters whose placeholders all have a value, filled in. Raises IntegrationMisconfigured."""
    try:
        return fill_known(templates, values)
    except UnsafeValue as unsafe:
        raise IntegrationMisconfigured(f"{entry.name} cannot be reached: {unsafe}") from None
