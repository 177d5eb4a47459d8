"""The provider config of a catalog entry, and its URLs and parameters, with the placeholders filled in."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext_noop

from apps.integrations.catalog import overrides
from apps.integrations.catalog.entries import entry_for
from apps.integrations.catalog.key_schema import ClientCredentialsGrant
from apps.integrations.catalog.placeholders import (
    UnsafeValue,
    checked_values,
    fill,
    fill_known,
    missing_or_invalid,
    names_in,
    substitute,
)
from apps.integrations.catalog.schema import CatalogEntry, Links, OAuth2, Param, Refresh
from apps.integrations.errors import IntegrationMisconfigured
from apps.integrations.models import Integration, OAuthApp
from apps.oauth.provider import ProviderConfig, RevocationEndpoint

# The parameters in `[oauth2]` that may hold placeholders.
_TEMPLATES = ("authorization_params", "token_params", "token_request_headers")


def provider_config(
    integration: Integration, *, oauth_app: OAuthApp | None = None, params: Mapping[str, str] | None = None
) -> ProviderConfig:
    """The provider config of an integration, with its placeholders filled in and the OAuth app's overrides applied.

    Values of source `client` come from `oauth_app.params`, all others from `params` (those of a connection). A URL that
    needs a value of the token response or of the callback is None or empty until that value is known.
    Raises IntegrationMisconfigured where a value is missing or does not match its pattern.
    """
    of_app, changes = (oauth_app.params, oauth_app.overrides) if oauth_app else ({}, {})
    return _cached_config(entry_for(integration), json.dumps([of_app, dict(params or {}), changes]))


def example_config(
    integration: Integration, *, oauth_app: OAuthApp | None, params: Mapping[str, str]
) -> ProviderConfig:
    """As `provider_config`, with example values for those that are missing: never to send a request."""
    entry = entry_for(integration)
    of_app, changes = (oauth_app.params, oauth_app.overrides) if oauth_app else ({}, {})
    of_app = _with_examples(entry.params_from("client"), of_app)
    return _cached_config(entry, json.dumps([of_app, _with_examples(entry.params_from("user"), params), changes]))


def _with_examples(params: Iterable[Param], values: Mapping[str, str]) -> dict[str, str]:
    return {**values, **{param.name: param.example for param in missing_or_invalid(params, values)}}


@lru_cache(maxsize=1024)
def _cached_config(entry: CatalogEntry, inputs: str) -> ProviderConfig:
    """Cached, since every call and refresh needs it. `inputs`: params of app and connection, overrides; as JSON."""
    of_app, params, changes = json.loads(inputs)
    values = _matched_values(entry, of_app, params)
    if entry.oauth2 is None:
        return _config_without_consent(entry, values)
    config = ProviderConfig(
        slug=entry.slug,
        name=entry.name,
        **_protocol_fields(entry, entry.oauth2, values),
        **_refresh_fields(entry, entry.oauth2.refresh, values),
        **_scope_fields(entry, values),
        **_api_fields(entry, values),
        account=_endpoint(entry, entry.account, values),
        answer_account=entry.answer_account,
        placement=_endpoint(entry, entry.placement, values),
        revocation=_revocation(entry, values),
    )
    return overrides.applied(config, changes)


def _protocol_fields(entry: CatalogEntry, oauth2: OAuth2, values: Mapping[str, str]) -> dict[str, Any]:
    """The keys of `[oauth2]`, which are those of ProviderConfig."""
    fields = {name: value for name, value in vars(oauth2).items() if name != "refresh"}
    return fields | {
        **{name: filled_params(entry, fields[name], values) for name in _TEMPLATES},
        "keep": (*oauth2.keep, *(param.field or param.name for param in entry.params_from("token_response"))),
        "authorization_url": _required_url(entry, gettext_noop("authorization URL"), oauth2.authorization_url, values),
        "token_url": _required_url(entry, gettext_noop("token URL"), oauth2.token_url, values),
        "issuer": filled_url(entry, oauth2.issuer, values),
        "long_lived": _endpoint(entry, oauth2.long_lived, values),
    }


def _refresh_fields(entry: CatalogEntry, refresh: Refresh, values: Mapping[str, str]) -> dict[str, Any]:
    return {
        "refresh_url": filled_url(entry, refresh.url, values),
        "refresh_supported": refresh.supported,
        "rotation": refresh.rotation,
        "refresh_margin": refresh.margin,
        "earliest_refresh": refresh.earliest_refresh,
        "unused_lifetime": refresh.unused_lifetime,
        "refresh_params": filled_params(entry, refresh.params, values),
        "refresh_auth_method": refresh.auth_method,
        "refresh_repeats_redirect_uri": refresh.repeats_redirect_uri,
        "default_expires_in": refresh.default_expires_in,
    }


def _scope_fields(entry: CatalogEntry, values: Mapping[str, str]) -> dict[str, Any]:
    scopes = entry.scopes
    scope_values = filled_params(entry, {scope.name: scope.name for scope in scopes if names_in(scope.name)}, values)
    return {
        "ignored_scopes": frozenset(scope.name for scope in scopes if not scope.reported),
        "scope_aliases": {alias: scope.name for scope in scopes for alias in scope.aliases}
        | {value: name for name, value in scope_values.items()},
        "scope_included_in": {scope.name: frozenset(scope.included_in) for scope in scopes if scope.included_in},
        "scope_parameters": {scope.name: scope.parameter for scope in scopes if scope.parameter},
        "scope_values": scope_values,
    }


def _api_fields(entry: CatalogEntry, values: Mapping[str, str]) -> dict[str, Any]:
    headers, query = call_defaults(entry, values)
    return {
        "api_base_url": filled_url(entry, entry.api.base_url, values),
        "api_headers": headers,
        "api_query": query,
        "access_token_header": entry.api.access_token_header,
        "access_token_parameter": entry.api.access_token_parameter,
        "ended_token": entry.api.ended_token,
    }


def _config_without_consent(entry: CatalogEntry, values: Mapping[str, str]) -> ProviderConfig:
    """The config of a service of another kind: no consent page and no refresh token."""
    grant = entry.client_credentials
    oauth1_url = entry.oauth1.access_token_url if entry.oauth1 else ""
    return ProviderConfig(
        slug=entry.slug,
        name=entry.name,
        authorization_url="",
        token_url=_required_url(entry, gettext_noop("token URL"), grant.token_url if grant else oauth1_url, values),
        refresh_supported=False,
        # Requesting another token leaves the earlier ones valid.
        rotation="none",
        ignored_scopes=frozenset(scope.name for scope in entry.scopes if not scope.reported),
        **_api_fields(entry, values),
        revocation=_endpoint(entry, entry.revocation, values),
        **(_grant_fields(grant, values) if grant else {}),
    )


def _grant_fields(grant: ClientCredentialsGrant, values: Mapping[str, str]) -> dict[str, Any]:
    """The keys of `[client_credentials]`, which are those of ProviderConfig."""
    fields = {name: value for name, value in vars(grant).items() if name not in ("grant_type", "token_url")}
    return fields | {
        "token_params": {name: substitute(value, values) for name, value in grant.token_params.items()},
        "client_grant_type": grant.grant_type,
    }


def links(entry: CatalogEntry, oauth_app: OAuthApp | None) -> Links:
    """The service's own pages. A URL that needs a missing value of the OAuth app is empty."""
    try:
        values = checked_values(entry.params_from("client"), oauth_app.params if oauth_app else {})
    except UnsafeValue:
        values = {}
    return Links(**{name: filled_url(entry, url, values) or "" for name, url in vars(entry.links).items()})


def placeholder_values(entry: CatalogEntry, oauth_app: OAuthApp | None, params: Mapping[str, str]) -> dict[str, str]:
    """The values of the entry's placeholders, each matched against its pattern. Raises IntegrationMisconfigured."""
    return _matched_values(entry, oauth_app.params if oauth_app else {}, params)


def _matched_values(entry: CatalogEntry, of_app: Mapping[str, str], params: Mapping[str, str]) -> dict[str, str]:
    own = entry.params_from("client")
    others = [param for param in entry.params if param.source != "client"]
    try:
        values = checked_values(own, of_app) | checked_values(others, params)
    except UnsafeValue as unsafe:
        raise IntegrationMisconfigured(
            gettext_noop("%(service)s cannot be used: %(reason)s") % {"service": entry.name, "reason": unsafe}
        ) from None
    for param in entry.params:
        if param.source in ("client", "user") and not param.optional and param.name not in values:
            whose = gettext_noop("the OAuth app") if param.source == "client" else gettext_noop("the connection")
            raise IntegrationMisconfigured(
                gettext_noop("%(service)s cannot be used: %(whose)s has no value for %(param)s.")
                % {"service": entry.name, "whose": whose, "param": param.label}
            )
    return values


def call_defaults(entry: CatalogEntry, values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """`(headers, query)` of every call to the API, without those whose value is not known."""
    return filled_params(entry, entry.api.headers, values), filled_params(entry, entry.api.query, values)


def filled_url(entry: CatalogEntry, template: str | None, values: Mapping[str, str]) -> str | None:
    """The URL with its placeholders filled in, or None while one of the values is not known."""
    if template is None or names_in(template) - values.keys():
        return None
    try:
        return fill(template, values)
    except UnsafeValue as unsafe:
        raise IntegrationMisconfigured(
            gettext_noop("%(service)s cannot be used: %(reason)s") % {"service": entry.name, "reason": unsafe}
        ) from None


def _required_url(entry: CatalogEntry, label: str, template: str, values: Mapping[str, str]) -> str:
    """The URL; empty while a value of the callback is not known."""
    url = filled_url(entry, template, values)
    awaited = {param.name for param in entry.params_from("callback")}
    if url is None and names_in(template) - values.keys() - awaited:
        raise IntegrationMisconfigured(
            gettext_noop("%(service)s cannot be used: a value of its %(label)s is not known yet.")
            % {"service": entry.name, "label": label}
        )
    return url or ""


def _endpoint(entry: CatalogEntry, endpoint: Any, values: Mapping[str, str]) -> Any:
    """An endpoint with its URL, headers and form filled in; None where there is none (yet)."""
    url = filled_url(entry, endpoint.url, values) if endpoint else None
    if not url:
        return None
    templates = {name: getattr(endpoint, name) for name in ("headers", "form") if hasattr(endpoint, name)}
    filled: dict[str, Any] = {name: filled_params(entry, text, values) for name, text in templates.items()}
    if label_url := getattr(endpoint, "label_url", None):
        filled["label_url"] = filled_url(entry, label_url, values)
    return replace(endpoint, url=url, **filled)


def _revocation(entry: CatalogEntry, values: Mapping[str, str]) -> RevocationEndpoint | None:
    """None also while the value of a parameter is not known: without it the call would fail or mean something else."""
    endpoint: RevocationEndpoint | None = _endpoint(entry, entry.revocation, values)
    if endpoint is None:
        return None
    params = filled_params(entry, endpoint.params, values)
    return replace(endpoint, params=params) if len(params) == len(endpoint.params) else None


def filled_params(entry: CatalogEntry, templates: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """The headers or parameters whose placeholders all have a value, filled in. Raises IntegrationMisconfigured."""
    try:
        return fill_known(templates, values)
    except UnsafeValue as unsafe:
        raise IntegrationMisconfigured(
            gettext_noop("%(service)s cannot be used: %(reason)s") % {"service": entry.name, "reason": unsafe}
        ) from None
