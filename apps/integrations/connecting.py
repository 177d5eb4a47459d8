"""The form that connects a service: permissions, parameters, or the fields of a key."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from apps.integrations.catalog.entries import entry_of
from apps.integrations.catalog.provider_config import provider_config
from apps.integrations.catalog.schema import CatalogEntry, Scope
from apps.integrations.errors import IntegrationMisconfigured
from apps.integrations.key_forms import ConnectKeyForm
from apps.integrations.keys import consent_preview, preview_of, shown_host
from apps.integrations.models import KINDS_WITH_KEY, Integration, OAuthApp
from apps.integrations.oauth_apps.offered_scopes import Offer, offer_of
from apps.integrations.oauth_apps.services import oauth_app_for
from apps.teams.models import Team

_ORDER = {"read": 0, "write": 1, "admin": 2}


def connect_form(team: Team | None, integration: Integration, *, needed: Iterable[str] = ()) -> dict[str, Any]:
    """The context of `integrations/_connect.html` and `_connect_key.html`, with `problem` where neither can be shown.

    `needed` are scopes that an action requires: they are selected, and listed apart from the suggested ones.
    """
    entry = entry_of(integration)
    oauth_app = oauth_app_for(team, integration)
    offer = offer_of(entry, oauth_app) if entry else None
    return {
        "integration": integration,
        "entry": entry,
        "oauth_app": oauth_app,
        "params": entry.params_from("user") if entry else (),
        "offer": offer,
        **(_scope_choices(offer, list(needed)) if offer else {}),
        **_target(integration, entry, oauth_app),
    }


def can_connect(form: dict[str, Any]) -> bool:
    """Whether the context from `connect_form` has a form that can be submitted."""
    integration: Integration = form["integration"]
    if not integration.is_enabled or form["entry"] is None:
        return False
    return "key_form" in form or (form["oauth_app"] is not None and "problem" not in form)


def _scope_choices(offer: Offer, needed: list[str]) -> dict[str, Any]:
    others = [scope for scope in needed if scope not in offer.names]
    return {
        "needed": [scope for scope in offer.scopes if scope.name in needed],
        "suggested": [scope for scope in offer.suggested if scope.name not in needed],
        "further": [scope for scope in _further(offer) if scope.name not in needed],
        "other_scopes": " ".join(others) if offer.open_ended else "",
    }


def _further(offer: Offer) -> list[Scope]:
    """The permissions beyond the suggested ones, read access first."""
    return sorted((scope for scope in offer.scopes if not scope.default), key=lambda scope: _ORDER[scope.access])


def _target(integration: Integration, entry: CatalogEntry | None, oauth_app: OAuthApp | None) -> dict[str, Any]:
    """`host`, where people sign in, or `problem`, why they cannot; for a key, `key_form`."""
    if entry is None:
        return {}
    if integration.kind in KINDS_WITH_KEY:
        return {"host": shown_host(entry), "preview": preview_of(entry), "key_form": ConnectKeyForm(entry)}
    if oauth_app is None:
        return {}
    examples = {param.name: param.default or param.example for param in entry.params if param.source != "client"}
    try:
        provider = provider_config(integration, oauth_app=oauth_app, params=examples)
    except IntegrationMisconfigured as problem:
        return {"problem": problem.sentence}
    address = entry.oauth1.authorization_url if entry.oauth1 else provider.authorization_url
    preview = consent_preview(entry)
    return {"host": urlsplit(address).netloc, "preview": preview}
