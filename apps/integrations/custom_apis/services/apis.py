"""A team's own APIs: described, changed and deleted by its owners and admins. Members see an integration."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import ProtectedError
from django.utils.text import slugify
from django.views.decorators.debug import sensitive_variables

from apps.audit.origin import Target
from apps.audit.services import record
from apps.errors import NotFound
from apps.integrations.custom_apis.params import needed_problems
from apps.integrations.custom_apis.schema import Authentication, authentication_from
from apps.integrations.custom_apis.services.description import describe, readable_definition
from apps.integrations.custom_apis.services.queries import oauth_client_of, require_no_connections
from apps.integrations.custom_apis.validation import authentication_problems, base_problems, client_problems
from apps.integrations.errors import IntegrationInUse, InvalidInput
from apps.integrations.models import CustomApi, Integration
from apps.teams import permissions
from apps.teams.actor import Actor
from apps.teams.models import Team
from apps.teams.permissions import Action

MAX_PER_TEAM = 200


@transaction.atomic
def create_custom_api(
    *,
    actor: Actor,
    name: str,
    base_url: str,
    description: str = "",
    params: Sequence[Mapping[str, Any]] = (),
) -> CustomApi:
    """A new API of the actor's team, without authentication so far. Raises NotAllowed, InvalidInput."""
    team = _keeper(actor)
    _require(base_problems(name=name, description=description, base_url=base_url, params=params))
    Team.objects.select_for_update().get(pk=team.pk)  # two that take the same slug, or the last place
    if Integration.objects.filter(team=team).count() >= MAX_PER_TEAM:
        raise InvalidInput([("name", f"A team has at most {MAX_PER_TEAM} custom APIs. Delete one first.")])
    integration = Integration.objects.create(
        team=team,
        slug=_free_slug(team, name),
        name=name.strip(),
        description=description.strip(),
        kind=Integration.Kind.NONE,
        category="other",
    )
    api = CustomApi.objects.create(
        integration=integration,
        base_url=base_url.strip(),
        params=_asked_of_people(params),
        created_by=actor.user,
    )
    readable_definition(api, Authentication())
    _record("created", api, actor, base_url=api.base_url)
    return api


@transaction.atomic
def change_custom_api(
    *,
    actor: Actor,
    api: CustomApi,
    name: str | None = None,
    base_url: str | None = None,
    description: str | None = None,
    params: Sequence[Mapping[str, Any]] | None = None,
) -> CustomApi:
    """What is not None takes the place of what stands. The slug stays: workflows and keys know it.

    A parameter that stands somewhere cannot go. Connections whose access would go to another host now are marked for
    reconnecting, and so are those that lack a value which is asked for now. Raises NotAllowed, NotFound, InvalidInput.
    """
    _keeper(actor)
    api = locked_api(actor, api.pk)
    integration = api.integration
    wanted_name = integration.name if name is None else name.strip()
    wanted_description = integration.description if description is None else description.strip()
    wanted_url = api.base_url if base_url is None else base_url.strip()
    wanted_params = api.params if params is None else _asked_of_people(params)
    authentication = authentication_from(api.authentication)
    standing = api.base_url if base_url is None else ""
    _require(needed_problems(wanted_params, before=api.params, base_url=standing, authentication=authentication))
    problems = base_problems(
        name=wanted_name, description=wanted_description, base_url=wanted_url, params=wanted_params
    )
    _require(problems)
    before = (integration.name, integration.description, api.base_url, api.params)
    integration.name, integration.description = wanted_name, wanted_description
    api.base_url, api.params = wanted_url, wanted_params
    names = ("name", "description", "base_url", "params")
    after = (integration.name, integration.description, api.base_url, api.params)
    changed = [name for name, old, new in zip(names, before, after, strict=True) if old != new]
    if not changed:
        return api
    _require(authentication_problems(authentication, params=api.params))
    readable_definition(api, Authentication())
    api.save()
    describe(api, authentication, actor=actor)
    _record("changed", api, actor, fields=changed)
    return api


@sensitive_variables()
@transaction.atomic
def save_authentication(
    *,
    actor: Actor,
    api: CustomApi,
    authentication: Authentication,
    client_id: str | None = None,
    client_secret: str | None = None,
    filled_in: Mapping[str, str] | None = None,
) -> CustomApi:
    """Store how people sign in; once nothing is missing, the API appears in Plugins.

    `client_id` None keeps the one that is stored; so does `client_secret`, unless an address changed that it would be
    sent to: then it is asked for again. `filled_in` says which fields nobody typed. Connections that were made for
    other addresses are marked for reconnecting. Raises NotAllowed, NotFound, InvalidInput, and IntegrationInUse where
    the kind changes under connections.
    """
    _keeper(actor)
    api = locked_api(actor, api.pk)
    before = authentication_from(api.authentication)
    oauth_app = oauth_client_of(api)
    wrong = authentication_problems(authentication, params=api.params)
    has_secret = oauth_app is not None and oauth_app.client_secret is not None
    wrong += client_problems(
        before, authentication, has_secret=has_secret, client_id=client_id, client_secret=client_secret
    )
    _require(wrong)
    if api.integration.kind != authentication.type:
        require_no_connections(api, "Its way to sign in can change only without connections.")
    changed = sorted(name for name, value in authentication.as_json().items() if before.as_json()[name] != value)
    api.authentication = authentication.as_json()
    marks = api.filled_in if filled_in is None else filled_in
    api.filled_in = {name: mark for name, mark in marks.items() if filled_in is not None or name not in changed}
    api.save()
    describe(api, authentication, actor=actor, client_id=client_id, client_secret=client_secret)
    _record("authentication_changed", api, actor, type=authentication.type, fields=changed)
    return api


@transaction.atomic
def use_common_callback(*, actor: Actor, api: CustomApi, wanted: bool) -> None:
    """Register the API with the one callback of built-in services, or with its own again. Raises NotAllowed, NotFound.

    The common one is for services that have it registered already: an authorization server that lies can then bring a
    code of another service here. Trips under way end at the address that they set out with.
    """
    _keeper(actor)
    api = locked_api(actor, api.pk)
    if api.integration.uses_common_callback != wanted:
        api.integration.uses_common_callback = wanted
        api.integration.save(update_fields=["uses_common_callback"])
        _record("callback_changed", api, actor, common=wanted)


@transaction.atomic
def delete_custom_api(*, actor: Actor, api: CustomApi) -> None:
    """Delete the API with its client's secret. Raises NotAllowed, NotFound, and IntegrationInUse, which names the
    connections, while there are any: nobody's access is revoked unseen."""
    _keeper(actor)
    api = locked_api(actor, api.pk)
    require_no_connections(api, "Disconnect them first.")
    _record("deleted", api, actor)
    try:
        api.integration.delete()
    except ProtectedError:
        raise IntegrationInUse(f"Somebody just connected {api.integration.name}. Look at its connections.") from None


def _asked_of_people(params: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """As [[params]] of the catalog: whoever connects says the value."""
    return [{**param, "source": "user"} for param in params]


def _keeper(actor: Actor) -> Team:
    permissions.require(actor, Action.MANAGE_CUSTOM_APIS)
    if actor.team is None:
        raise NotFound("There is no team that could have an API.")
    return actor.team


def locked_api(actor: Actor, pk: UUID) -> CustomApi:
    """The actor's team's API as it stands, held to the end of the transaction. Raises NotFound."""
    integration = Integration.objects.select_for_update().filter(pk=pk, team=actor.team).first()
    if integration is None:
        raise NotFound("There is no such API.")
    return CustomApi.objects.select_related("integration__team").get(pk=pk)


def _free_slug(team: Team, name: str) -> str:
    """Made of the name. One that a built-in service bears is left to it."""
    stem = slugify(name)[:80].strip("-_").replace("_", "-") or "api"
    for suffix in ("", *(f"-{number}" for number in range(2, 50)), f"-{uuid4().hex[:8]}"):
        slug = stem + suffix
        if not Integration.objects.filter(slug=slug, team__in=[team]).exists() and not _is_built_in(slug):
            return slug
    return uuid4().hex


def _is_built_in(slug: str) -> bool:
    return slug in _TAKEN or Integration.objects.filter(slug=slug, team=None).exists()


# Words of our own addresses beside /custom-apis/<slug>/ and /integrations/<slug>/.
_TAKEN = ("new", "import")


def _require(problems: list[tuple[str, str]]) -> None:
    if problems:
        raise InvalidInput(problems)


def _record(what: str, api: CustomApi, actor: Actor, **detail: Any) -> None:
    integration = api.integration
    target = Target("integration", str(integration.pk), integration.name, integration.slug)
    record(action=f"integration.{what}", origin=actor.origin, team_id=integration.team_id, target=target, **detail)
