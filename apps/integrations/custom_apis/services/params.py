"""One value that connections to a team's own API are asked for: added, changed, put in another place, taken away."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from apps.errors import NotFound
from apps.integrations.custom_apis.params import moved
from apps.integrations.custom_apis.services.apis import change_custom_api, locked_api
from apps.integrations.models import CustomApi
from apps.teams.actor import Actor


@transaction.atomic
def add_param(*, actor: Actor, api: CustomApi, param: Mapping[str, Any]) -> CustomApi:
    """Ask for one more, after the others. Raises what `change_custom_api` raises."""
    standing = locked_api(actor, api.pk)
    return change_custom_api(actor=actor, api=standing, params=[*standing.params, param])


@transaction.atomic
def change_param(*, actor: Actor, api: CustomApi, name: str, param: Mapping[str, Any]) -> CustomApi:
    """Another one in its place. One that is used keeps its name. Raises what `change_custom_api` raises."""
    standing, place = _found(actor, api, name)
    params = [*standing.params[:place], param, *standing.params[place + 1 :]]
    return change_custom_api(actor=actor, api=standing, params=params)


@transaction.atomic
def move_param(*, actor: Actor, api: CustomApi, name: str, step: int) -> CustomApi:
    """Ask for it so many places later, or earlier. Raises what `change_custom_api` raises."""
    standing, _ = _found(actor, api, name)
    return change_custom_api(actor=actor, api=standing, params=moved(standing.params, name, step))


@transaction.atomic
def remove_param(*, actor: Actor, api: CustomApi, name: str) -> CustomApi:
    """Ask for it no more. Raises InvalidInput, which says where, while it is used."""
    standing, place = _found(actor, api, name)
    return change_custom_api(
        actor=actor, api=standing, params=[*standing.params[:place], *standing.params[place + 1 :]]
    )


def _found(actor: Actor, api: CustomApi, name: str) -> tuple[CustomApi, int]:
    standing = locked_api(actor, api.pk)
    names = [param["name"] for param in standing.params]
    if name not in names:
        raise NotFound("The API asks for no such value.")
    return standing, names.index(name)
