"""Making an integration of what a team entered about its own API: its kind, its facts, and its client."""

import re
from functools import partial
from typing import Any

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from apps.integrations.catalog.reader import CatalogError, read_definition
from apps.integrations.custom_apis.definition import base_url_fingerprint, definition_of
from apps.integrations.custom_apis.schema import Authentication, missing
from apps.integrations.custom_apis.services.queries import oauth_client_of
from apps.integrations.errors import InvalidInput
from apps.integrations.models import CustomApi, Integration
from apps.integrations.oauth_apps.services import save_oauth_app
from apps.integrations.signals import addresses_changed
from apps.teams.actor import Actor


@sensitive_variables()
def describe(
    api: CustomApi,
    authentication: Authentication,
    *,
    actor: Actor,
    client_id: str | None = None,
    client_secret: str | None = None,
) -> None:
    """Make the integration say what the team entered: its kind, its facts, its client, and where secrets go.

    Whoever has to do with its connections is told where that changes for them. Raises InvalidInput.
    """
    integration = api.integration
    key = base_url_fingerprint(base_url=api.base_url, authentication=authentication)
    oauth_app = oauth_client_of(api)
    has_client = bool(client_id) or oauth_app is not None
    is_complete = bool(api.authentication) and not missing(authentication, has_client=has_client)
    asked_before = (integration.definition or {}).get("params", api.params)
    integration.definition = readable_definition(api, authentication) if is_complete else None
    moved, integration.base_url_fingerprint = integration.base_url_fingerprint not in ("", key), key
    integration.kind = authentication.type
    integration.save()
    if authentication.type != "oauth2":
        if oauth_app is not None:
            oauth_app.delete()  # no connection stands, so its secret is of no use any more
    elif has_client:
        save_oauth_app(
            origin=actor.origin,
            integration=integration,
            team=integration.team,
            client_id=client_id or (oauth_app.client_id if oauth_app else ""),
            client_secret=client_secret,
            secret_expires_on=oauth_app.secret_expires_on if oauth_app else None,
            base_url_fingerprint=key,
        )
    if moved or asked_before != api.params:
        moved_elsewhere = partial(addresses_changed.send, Integration, integration=integration, origin=actor.origin)
        transaction.on_commit(moved_elsewhere)


def readable_definition(api: CustomApi, authentication: Authentication) -> dict[str, Any]:
    """The definition, as the strict reader takes it. Raises InvalidInput for what only it sees."""
    try:
        definition = definition_of(
            name=api.integration.name,
            description=api.integration.description,
            base_url=api.base_url,
            params=api.params,
            authentication=authentication,
        )
        read_definition(definition, slug=api.integration.slug)
    except CatalogError as error:
        raise InvalidInput([(_field_of(error.key, authentication), _sentence(error))]) from None
    return definition


def _field_of(key: str, authentication: Authentication) -> str:
    """The field that a key of the schema was made of: `params[0].pattern` is `params.0.pattern`."""
    if key == "api.base_url":
        return "base_url"
    if param := re.fullmatch(r"params\[(\d+)\]\.(\w+)", key):
        return f"params.{param[1]}.{param[2]}"
    return next((part for part in reversed(key.split(".")) if part in authentication.as_json()), "params")


def _sentence(error: CatalogError) -> str:
    if error.key.startswith("params["):
        return f"This cannot be used: it {error.problem}."
    return f"This cannot be used ({str(error).partition(': ')[2]})."
