"""Custom APIs: created, changed and deleted by owners and admins of a team."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import ProtectedError
from django.utils.text import slugify
from django.utils.translation import gettext, gettext_noop
from django.views.decorators.debug import sensitive_variables

from apps.audit.origin import Target
from apps.audit.services import record
from apps.errors import NotFound
from apps.integrations.custom_apis.params import usage_problems
from apps.integrations.custom_apis.schema import Authentication, authentication_from
from apps.integrations.custom_apis.services.description import readable_definition, recipients_of, update_integration
from apps.integrations.custom_apis.services.queries import oauth_client_of, require_no_connections
from apps.integrations.custom_apis.token_host import CONFIRMED, UNCONFIRMED, host_to_confirm
from apps.integrations.custom_apis.validation import authentication_problems, base_problems, client_problems
from apps.integrations.errors import IntegrationInUse, InvalidInput
from apps.integrations.models import Callback, CustomApi, Integration
from apps.teams.actor import Actor
from apps.teams.models import Team
from apps.teams.permissions import Action
from apps.teams.reach import for_actors_team
from apps.teams.services.current_access import require_still_allowed

MAX_PER_TEAM = 200


@for_actors_team
@transaction.atomic
def create_custom_api(
    *,
    actor: Actor,
    name: str,
    base_url: str,
    description: str = "",
    params: Sequence[Mapping[str, Any]] = (),
    hosts: Sequence[Mapping[str, Any]] = (),
) -> CustomApi:
    """Create a custom API of the actor's team, still without authentication. Raises NotAllowed, InvalidInput."""
    team = _require_manager(actor)
    _require(base_problems(name=name, description=description, base_url=base_url, params=params, hosts=hosts))
    if Integration.objects.filter(team=team).count() >= MAX_PER_TEAM:
        raise InvalidInput(
            [
                (
                    "name",
                    gettext("A team has at most %(max_per_team)s custom APIs. Delete one first.")
                    % {"max_per_team": MAX_PER_TEAM},
                )
            ]
        )
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
        params=_with_source(params),
        hosts=[dict(host) for host in hosts],
        created_by=actor.user,
    )
    readable_definition(api, Authentication())
    _record("created", api, actor, base_url=api.base_url)
    return api


@for_actors_team
@transaction.atomic
def change_custom_api(
    *,
    actor: Actor,
    api: CustomApi,
    name: str | None = None,
    base_url: str | None = None,
    description: str | None = None,
    params: Sequence[Mapping[str, Any]] | None = None,
    hosts: Sequence[Mapping[str, Any]] | None = None,
) -> CustomApi:
    """Change what is not None. The slug stays, since workflows and API keys refer to it.

    A parameter that is used cannot be removed. Connections whose credentials would be sent to another host are marked
    for reconnecting, and so are those without a value for a new parameter. Raises NotAllowed, NotFound, InvalidInput.
    """
    _require_manager(actor)
    api = locked_api(actor, api.pk)
    before, authentication = _settings_of(api), authentication_from(api.authentication)
    recipients = recipients_of(api, authentication)
    given = {"name": name, "description": description, "base_url": base_url, "params": params, "hosts": hosts}
    values = before | {setting: _stored(setting, value) for setting, value in given.items() if value is not None}
    # A new base URL is checked with the new parameters by `base_problems`.
    unchanged_url = api.base_url if base_url is None else ""
    usage = usage_problems(values["params"], before=api.params, base_url=unchanged_url, authentication=authentication)
    _require(usage)
    _require(base_problems(**values))
    changed = [setting for setting, value in values.items() if before[setting] != value]
    if not changed:
        return api
    api.integration.name, api.integration.description = values["name"], values["description"]
    api.base_url, api.params, api.hosts = values["base_url"], values["params"], values["hosts"]
    _require(authentication_problems(authentication, params=api.params))
    readable_definition(api, Authentication())
    api.save()
    update_integration(api, authentication, before=recipients, actor=actor)
    _record("changed", api, actor, fields=changed)
    return api


def _stored(setting: str, value: Any) -> Any:
    """The value of a setting as it is stored."""
    if setting == "params":
        return _with_source(value)
    return [dict(host) for host in value] if setting == "hosts" else value.strip()


def _settings_of(api: CustomApi) -> dict[str, Any]:
    return {
        "name": api.integration.name,
        "description": api.integration.description,
        "base_url": api.base_url,
        "params": api.params,
        "hosts": api.hosts,
    }


@sensitive_variables()
@for_actors_team
@transaction.atomic
def save_authentication(
    *,
    actor: Actor,
    api: CustomApi,
    authentication: Authentication,
    client_id: str | None = None,
    client_secret: str | None = None,
    further_key: str | None = None,
    filled_in: Mapping[str, str] | None = None,
    confirm_token_host: bool | None = False,
) -> CustomApi:
    """Save how people sign in. Once nothing is missing, the API appears in Plugins.

    `client_id`, `client_secret` and `further_key` None keep the stored values; a secret has to be entered again if a
    URL changes to which it is sent. `filled_in` lists the fields that were filled in automatically.
    `confirm_token_host` confirms the host of a token URL from the document (see `token_host`); None keeps the API a
    draft. Connections made for other URLs are marked for reconnecting. Raises NotAllowed, NotFound, InvalidInput, and
    IntegrationInUse where the kind changes although there are connections.
    """
    _require_manager(actor)
    api = locked_api(actor, api.pk)
    before = authentication_from(api.authentication)
    recipients = recipients_of(api, before)
    oauth_app = oauth_client_of(api)
    client = {"client_id": client_id, "client_secret": client_secret, "further_key": further_key}
    has_secret = oauth_app is not None and oauth_app.client_secret is not None
    errors = authentication_problems(authentication, params=api.params)
    _require(errors + client_problems(before, authentication, has_secret=has_secret, **client))
    if api.integration.kind != authentication.type:
        require_no_connections(api, gettext_noop("The authentication type can only be changed without connections."))
    changed = sorted(name for name, value in authentication.as_json().items() if before.as_json()[name] != value)
    api.authentication = authentication.as_json()
    marks = api.filled_in if filled_in is None else filled_in
    kept = {name: mark for name, mark in marks.items() if filled_in is not None or name not in changed}
    api.filled_in = _with_token_host(api, authentication, kept, confirmed=confirm_token_host)
    api.save()
    update_integration(api, authentication, before=recipients, actor=actor, **client)
    fields = [*changed, "further_key"] if further_key else changed
    _record("authentication_changed", api, actor, type=authentication.type, fields=fields)
    return api


def _with_token_host(
    api: CustomApi, authentication: Authentication, marks: Mapping[str, str], *, confirmed: bool | None
) -> dict[str, str]:
    """The marks, with the one of the token URL that says whether its host is confirmed. Raises InvalidInput."""
    host = host_to_confirm(authentication, base_url=api.base_url, source=api.source, marks=marks)
    if not host:
        return dict(marks)
    if confirmed is False:
        raise InvalidInput(
            [
                (
                    "confirm_token_host",
                    gettext("Confirm that secrets may be sent to %(host)s, or change the URL.") % {"host": host},
                )
            ]
        )
    return {**marks, "token_url": CONFIRMED if confirmed else UNCONFIRMED}


@transaction.atomic
def set_callback(*, actor: Actor, api: CustomApi, callback: Callback) -> None:
    """Change which callback the API uses. Raises NotAllowed, NotFound.

    The common callback is for services where it is registered already: a malicious authorization server can then inject
    the code of another service. Pending authorization flows keep the callback they started with.
    """
    _require_manager(actor)
    api = locked_api(actor, api.pk)
    if api.integration.callback != callback:
        api.integration.callback = callback
        api.integration.save(update_fields=["callback"])
        _record("callback_changed", api, actor, common=callback == Callback.COMMON)


@transaction.atomic
def delete_custom_api(*, actor: Actor, api: CustomApi) -> None:
    """Delete the API and its client secret. Raises NotAllowed, NotFound, and IntegrationInUse, which lists the
    connections, while it has any."""
    _require_manager(actor)
    api = locked_api(actor, api.pk)
    require_no_connections(api, gettext_noop("Disconnect them first."))
    _record("deleted", api, actor)
    try:
        api.integration.delete()
    except ProtectedError:
        raise IntegrationInUse(
            gettext("%(service)s was just connected. Check its connections.") % {"service": api.integration.name}
        ) from None


def _with_source(params: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """As [[params]] of the catalog, entered by the person who connects."""
    return [{**param, "source": "user"} for param in params]


def _require_manager(actor: Actor) -> Team:
    """The actor's team, locked: a request to the service may come before the change."""
    return require_still_allowed(actor, Action.MANAGE_CUSTOM_APIS)


def locked_api(actor: Actor, pk: UUID) -> CustomApi:
    """The current row of the API, locked until the end of the transaction. Raises NotFound."""
    integration = Integration.objects.select_for_update().filter(pk=pk, team=actor.team).first()
    if integration is None:
        raise NotFound(gettext_noop("There is no such API."))
    return CustomApi.objects.select_related("integration__team").get(pk=pk)


def _free_slug(team: Team, name: str) -> str:
    """A slug derived from the name, different from those of the team's APIs and of built-in services."""
    stem = slugify(name)[:80].strip("-_").replace("_", "-") or "api"
    for suffix in ("", *(f"-{number}" for number in range(2, 50)), f"-{uuid4().hex[:8]}"):
        slug = stem + suffix
        if not Integration.objects.filter(slug=slug, team__in=[team]).exists() and not _is_built_in(slug):
            return slug
    return uuid4().hex


def _is_built_in(slug: str) -> bool:
    return slug in _RESERVED_SLUGS or Integration.objects.filter(slug=slug, team=None).exists()


# Our own URLs beside /custom-apis/<slug>/ and /integrations/<slug>/.
_RESERVED_SLUGS = ("new", "import")


def _require(problems: list[tuple[str, str]]) -> None:
    if problems:
        raise InvalidInput(problems)


def _record(what: str, api: CustomApi, actor: Actor, **detail: Any) -> None:
    integration = api.integration
    target = Target("integration", str(integration.pk), integration.name, integration.slug)
    record(action=f"integration.{what}", origin=actor.origin, team_id=integration.team_id, target=target, **detail)
