"""A team's own OAuth app, which takes precedence over the operator's; managed by owners and admins."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.utils.translation import gettext_noop
from django.views.decorators.debug import sensitive_variables

from apps.errors import NotFound
from apps.integrations.models import Callback, Integration, OAuthApp
from apps.integrations.oauth_apps.probe import Verdict, probe_client
from apps.integrations.oauth_apps.services import delete_oauth_app, save_oauth_app
from apps.teams import permissions
from apps.teams.actor import Actor
from apps.teams.permissions import Action


def own_app(actor: Actor, integration: Integration) -> OAuthApp | None:
    """The team's own OAuth app of the integration. Raises NotAllowed for members."""
    permissions.require(actor, Action.MANAGE_OAUTH_APPS)
    if actor.team is None:
        return None
    mine = OAuthApp.objects.select_related("integration", "team").filter(team=actor.team, integration=integration)
    return mine.first()


@sensitive_variables()
def save_own_app(
    *,
    actor: Actor,
    integration: Integration,
    client_id: str,
    client_secret: str | None = None,
    params: Mapping[str, str] | None = None,
    secret_expires_on: date | None = None,
    scopes_allowed: Sequence[str] = (),
    overrides: Mapping[str, Any] | None = None,
    callback: Callback | None = None,
) -> OAuthApp:
    """Create or change it, as `save_oauth_app` does. Raises NotAllowed, InvalidInput."""
    permissions.require(actor, Action.MANAGE_OAUTH_APPS)
    if actor.team is None:
        raise NotFound(gettext_noop("You have no team, so there is no OAuth app."))
    return save_oauth_app(
        origin=actor.origin,
        integration=integration,
        team=actor.team,
        client_id=client_id,
        client_secret=client_secret,
        params=params,
        secret_expires_on=secret_expires_on,
        scopes_allowed=scopes_allowed,
        overrides=overrides,
        callback=callback,
    )


def remove_own_app(*, actor: Actor, integration: Integration) -> None:
    """Remove it; new connections use the operator's. Raises NotAllowed, NotFound, OAuthAppInUse."""
    delete_oauth_app(origin=actor.origin, oauth_app=_existing(actor, integration))


def probe_own_app(*, actor: Actor, integration: Integration) -> Verdict:
    """Test it at the service. Raises NotAllowed, NotFound, UnreadableSecret."""
    return probe_client(origin=actor.origin, oauth_app=_existing(actor, integration))


def _existing(actor: Actor, integration: Integration) -> OAuthApp:
    oauth_app = own_app(actor, integration)
    if oauth_app is None:
        raise NotFound(
            gettext_noop("This team has no OAuth app of its own for %(service)s.") % {"service": integration.name}
        )
    return oauth_app
