"""Updates the integration of a custom API from its settings: kind, definition and client."""

import re
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop
from django.views.decorators.debug import sensitive_variables

from apps.integrations.catalog.errors import CatalogError
from apps.integrations.catalog.reader import read_definition
from apps.integrations.custom_apis.definition import base_url_fingerprint, definition_of, origin
from apps.integrations.custom_apis.schema import WITH_CLIENT, Authentication, missing, wants_further_key
from apps.integrations.custom_apis.services.queries import oauth_client_of
from apps.integrations.custom_apis.token_host import UNCONFIRMED
from apps.integrations.errors import InvalidInput
from apps.integrations.models import CustomApi, Integration, OAuthApp
from apps.integrations.oauth_apps.services import save_oauth_app
from apps.integrations.signals import addresses_changed
from apps.teams.actor import Actor


@dataclass(frozen=True)
class Recipients:
    """Who receives secrets and tokens: `fingerprint` of all URLs but the revocation URL, whose origin is the other."""

    fingerprint: str
    revocation_origin: str


def recipients_of(api: CustomApi, authentication: Authentication) -> Recipients:
    """Those of the API with these settings."""
    fingerprint = base_url_fingerprint(base_url=api.base_url, authentication=authentication, hosts=api.hosts)
    return Recipients(fingerprint, origin(authentication.revocation_url))


@sensitive_variables()
def update_integration(
    api: CustomApi,
    authentication: Authentication,
    *,
    before: Recipients,
    actor: Actor,
    client_id: str | None = None,
    client_secret: str | None = None,
    further_key: str | None = None,
) -> None:
    """Update kind, definition, client and the fingerprint of its URLs from the settings of the API.

    `before`: the recipients until now. The stored fingerprint is kept if they are the same, since earlier versions
    hashed the revocation URL too. Sends `addresses_changed` where connections are affected. Raises InvalidInput.
    """
    integration, earlier = api.integration, api.integration.base_url_fingerprint
    now = recipients_of(api, authentication)
    fingerprint = earlier if earlier and before.fingerprint == now.fingerprint else now.fingerprint
    if before.revocation_origin != now.revocation_origin:
        integration.revocation_version += 1
    oauth_app = oauth_client_of(api)
    has_client = bool(client_id) or oauth_app is not None
    has_key = bool(further_key) or bool(oauth_app and oauth_app.further_key_is_for(fingerprint))
    is_confirmed = bool(api.authentication) and api.filled_in.get("token_url") != UNCONFIRMED
    is_complete = is_confirmed and not missing(authentication, has_client=has_client, has_further_key=has_key)
    earlier_params = (integration.definition or {}).get("params", api.params)
    integration.definition = readable_definition(api, authentication) if is_complete else None
    has_moved = earlier not in ("", fingerprint)
    integration.base_url_fingerprint = fingerprint
    integration.kind = authentication.type
    integration.save()
    if authentication.type in WITH_CLIENT and has_client:
        saved = _save_client(integration, oauth_app, actor, client_id=client_id, client_secret=client_secret)
        _save_further_key(saved, further_key, is_wanted=wants_further_key(authentication))
    elif authentication.type not in WITH_CLIENT and oauth_app is not None:
        oauth_app.delete()  # there are no connections, so its secret is no longer needed
    if has_moved or earlier_params != api.params:
        transaction.on_commit(
            partial(addresses_changed.send, Integration, integration=integration, origin=actor.origin)
        )


@sensitive_variables()
def _save_client(
    integration: Integration,
    oauth_app: OAuthApp | None,
    actor: Actor,
    *,
    client_id: str | None,
    client_secret: str | None,
) -> OAuthApp:
    return save_oauth_app(
        origin=actor.origin,
        integration=integration,
        team=integration.team,
        client_id=client_id or (oauth_app.client_id if oauth_app else ""),
        client_secret=client_secret,
        secret_expires_on=oauth_app.secret_expires_on if oauth_app else None,
        base_url_fingerprint=integration.base_url_fingerprint,
    )


@sensitive_variables()
def _save_further_key(oauth_app: OAuthApp, further_key: str | None, *, is_wanted: bool) -> None:
    """Store the key for the API's present addresses, or delete one that calls no longer need. None keeps the stored."""
    if not is_wanted and oauth_app.further_key is not None:
        oauth_app.further_key, oauth_app.further_key_fingerprint = None, ""
    elif is_wanted and further_key:
        oauth_app.further_key = further_key
        oauth_app.further_key_fingerprint = oauth_app.integration.base_url_fingerprint
    else:
        return
    oauth_app.save(update_fields=["further_key", "further_key_fingerprint", "updated_at"])


def readable_definition(api: CustomApi, authentication: Authentication) -> dict[str, Any]:
    """The definition, validated by the catalog reader. Raises InvalidInput."""
    try:
        definition = definition_of(
            name=api.integration.name,
            description=api.integration.description,
            base_url=api.base_url,
            params=api.params,
            authentication=authentication,
            hosts=api.hosts,
        )
        read_definition(definition, slug=api.integration.slug)
    except CatalogError as error:
        raise InvalidInput([(_field_of(error.key, authentication), _message(error))]) from None
    return definition


def _field_of(key: str, authentication: Authentication) -> str:
    """The form field of a schema key: `params.0.pattern` for `params[0].pattern`."""
    if key == "api.base_url":
        return "base_url"
    if key.startswith("hosts"):
        return "hosts"
    if param := re.fullmatch(r"params\[(\d+)\]\.(\w+)", key):
        return f"params.{param[1]}.{param[2]}"
    return next((part for part in reversed(key.split(".")) if part in authentication.as_json()), "params")


def _message(error: CatalogError) -> str:
    if error.key.startswith("params["):
        return gettext_noop("This value is not valid: it %(problem)s.") % {"problem": error.problem}
    return gettext_noop("This value is not valid (%(problem)s).") % {"problem": str(error).partition(": ")[2]}
