"""Questions about a team's own APIs: which there are, what one still misses, and what stands in the way of a change."""

from django.db.models import QuerySet

from apps.errors import NotFound
from apps.integrations.custom_apis.schema import Authentication, authentication_from, missing
from apps.integrations.errors import IntegrationInUse
from apps.integrations.models import CustomApi, Integration, OAuthApp, Operation
from apps.teams.actor import Actor

# So many connections are named where they stand in the way; the rest are counted.
NAMED = 20


def custom_apis(actor: Actor) -> QuerySet[CustomApi]:
    """The team's own, by name, drafts included; none for anybody outside the team."""
    mine = CustomApi.objects.filter(integration__team=actor.team) if actor.team else CustomApi.objects.none()
    return mine.select_related("integration__team").order_by("integration__name", "pk")


def custom_api_named(actor: Actor, slug: str) -> CustomApi:
    """The team's own API with that slug. Raises NotFound for anybody else's and for built-in services."""
    found = custom_apis(actor).filter(integration__slug=slug).first()
    if found is None:
        raise NotFound("There is no such API.")
    return found


def operations_of(integration: Integration) -> QuerySet[Operation]:
    """The calls that its document lists, in the document's order; none for built-in services."""
    return Operation.objects.filter(integration=integration)


def oauth_client_of(api: CustomApi) -> OAuthApp | None:
    """The team's client at its own API, where it has entered one."""
    return OAuthApp.objects.select_related("integration").filter(integration=api.integration_id).first()


def missing_of(api: CustomApi, authentication: Authentication | None = None) -> list[str]:
    """The names of the fields without which nobody can connect."""
    known = authentication or authentication_from(api.authentication)
    return missing(known, has_client=oauth_client_of(api) is not None)


def require_no_connections(api: CustomApi, why: str) -> None:
    """Raises IntegrationInUse, with the connections' names, while there are any."""
    names = connections_at_stake(api)
    if names:
        listed = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
        count = f"{len(names)} connection{'' if len(names) == 1 else 's'}"
        raise IntegrationInUse(f"{api.integration.name} has {count}: {listed}. {why}", connections=names[:NAMED])


def connections_at_stake(api: CustomApi) -> list[str]:
    """The names of all of the API's connections, whoever's they are: its keepers see the whole team's."""
    return list(api.integration.connections.order_by("name", "pk").values_list("name", flat=True))


def waiting_connections(api: CustomApi) -> list[str]:
    """The names of those that cannot be used before somebody mends them, whoever's they are."""
    red = api.integration.connections.filter(status="needs_attention")
    return list(red.order_by("name", "pk").values_list("name", flat=True))
