"""Connection parameters of a custom API: added, changed, moved and removed."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop

from apps.errors import NotFound
from apps.integrations.custom_apis.params import moved
from apps.integrations.custom_apis.services.apis import change_custom_api, locked_api
from apps.integrations.models import CustomApi
from apps.teams.actor import Actor


@transaction.atomic
def add_param(*, actor: Actor, api: CustomApi, param: Mapping[str, Any]) -> CustomApi:
    """Add a parameter at the end. Raises what `change_custom_api` raises."""
    current = locked_api(actor, api.pk)
    return change_custom_api(actor=actor, api=current, params=[*current.params, param])


@transaction.atomic
def change_param(*, actor: Actor, api: CustomApi, name: str, param: Mapping[str, Any]) -> CustomApi:
    """Reposition a parameter. Its name can only change if it is not used. Raises what `change_custom_api` raises."""
    current, position = _locked_param(actor, api, name)
    params = [*current.params[:position], param, *current.params[position + 1 :]]
    return change_custom_api(actor=actor, api=current, params=params)


@transaction.atomic
def move_param(*, actor: Actor, api: CustomApi, name: str, step: int) -> CustomApi:
    """Move it by `step` positions. Raises what `change_custom_api` raises."""
    current, _ = _locked_param(actor, api, name)
    return change_custom_api(actor=actor, api=current, params=moved(current.params, name, step))


@transaction.atomic
def remove_param(*, actor: Actor, api: CustomApi, name: str) -> CustomApi:
    """Remove it. Raises InvalidInput, which lists its uses, while it is used."""
    current, position = _locked_param(actor, api, name)
    return change_custom_api(
        actor=actor, api=current, params=[*current.params[:position], *current.params[position + 1 :]]
    )


def _locked_param(actor: Actor, api: CustomApi, name: str) -> tuple[CustomApi, int]:
    current = locked_api(actor, api.pk)
    names = [param["name"] for param in current.params]
    if name not in names:
        raise NotFound(gettext_noop("The API has no such parameter."))
    return current, names.index(name)
