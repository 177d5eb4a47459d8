"""*Add it and save*: the next thing to try so that a service returns a refresh token."""

from dataclasses import replace

from django.utils.translation import gettext_noop

from apps.integrations.catalog.offline_access import OfflineStep, next_step
from apps.integrations.custom_apis.schema import Authentication, CustomScope, authentication_from
from apps.integrations.custom_apis.services.apis import save_authentication
from apps.integrations.errors import InvalidInput
from apps.integrations.models import CustomApi
from apps.teams import permissions
from apps.teams.actor import Actor
from apps.teams.permissions import Action


def offline_step(authentication: Authentication) -> OfflineStep | None:
    """What to add next to the requests of an API with these settings."""
    requested = [scope.name for scope in authentication.scopes if scope.default is not False]
    return next_step(requested, authentication.authorization_params)


def request_offline_access(*, actor: Actor, api: CustomApi) -> OfflineStep:
    """Add the next step to the settings and save them. What was added.

    Raises NotAllowed, and InvalidInput where everything was tried or the API does not use OAuth 2.0 with consent.
    """
    permissions.require(actor, Action.MANAGE_CUSTOM_APIS)
    before = authentication_from(api.authentication)
    step = offline_step(before) if before.type == "oauth2" else None
    if step is None:
        raise InvalidInput(
            [("scopes", gettext_noop("There is nothing left to add. Ask the service how it issues refresh tokens."))]
        )
    save_authentication(actor=actor, api=api, authentication=_with(before, step))
    return step


def _with(before: Authentication, step: OfflineStep) -> Authentication:
    if step.value:
        return replace(before, authorization_params={**before.authorization_params, step.name: step.value})
    others = tuple(scope for scope in before.scopes if scope.name != step.name)
    return replace(before, scopes=(*others, CustomScope(name=step.name, default=True)))
