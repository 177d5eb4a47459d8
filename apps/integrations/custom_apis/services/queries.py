"""Queries about custom APIs: the list, what is missing, and the connections that prevent a change."""

from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from apps.errors import NotFound
from apps.integrations.custom_apis.schema import Authentication, authentication_from, missing
from apps.integrations.custom_apis.token_host import UNCONFIRMED
from apps.integrations.errors import IntegrationInUse
from apps.integrations.models import CustomApi, Integration, OAuthApp, Operation
from apps.teams.actor import Actor

# The number of connections listed by name in an error.
NAMED = 20


def custom_apis(actor: Actor) -> QuerySet[CustomApi]:
    """The custom APIs of the actor's team by name, including drafts."""
    rows = CustomApi.objects.filter(integration__team=actor.team) if actor.team else CustomApi.objects.none()
    return rows.select_related("integration__team").order_by("integration__name", "pk")


def custom_api_named(actor: Actor, slug: str) -> CustomApi:
    """The custom API of the actor's team with that slug. Raises NotFound."""
    found = custom_apis(actor).filter(integration__slug=slug).first()
    if found is None:
        raise NotFound(gettext_noop("There is no such API."))
    return found


def operations_of(integration: Integration) -> QuerySet[Operation]:
    """The operations of its document, in order; none for built-in services."""
    return Operation.objects.filter(integration=integration)


def oauth_client_of(api: CustomApi) -> OAuthApp | None:
    """The client of the custom API, if one is entered."""
    return OAuthApp.objects.select_related("integration").filter(integration=api.integration_id).first()


def missing_of(api: CustomApi, authentication: Authentication | None = None) -> list[str]:
    """The names of the fields that are missing before people can connect: `confirm_token_host` for a token URL whose
    host has to be confirmed."""
    settings = authentication or authentication_from(api.authentication)
    unconfirmed = ["confirm_token_host"] if api.filled_in.get("token_url") == UNCONFIRMED else []
    oauth_app = oauth_client_of(api)
    has_key = oauth_app is not None and oauth_app.has_further_key
    return missing(settings, has_client=oauth_app is not None, has_further_key=has_key) + unconfirmed


def require_no_connections(api: CustomApi, reason: str) -> None:
    """Raises IntegrationInUse, which lists the connections and ends with `reason`, while there are any."""
    names = dependent_connections(api)
    if names:
        words = {"service": api.integration.name, "n": len(names), "further": len(names) - NAMED}
        words |= {"names": ", ".join(names[:NAMED]), "reason": reason}
        raise IntegrationInUse(_in_use(len(names)) % words, connections=names[:NAMED])


def _in_use(count: int) -> str:
    if count == 1:
        return gettext_noop("%(service)s has 1 connection: %(names)s. %(reason)s")
    if count <= NAMED:
        return gettext_noop("%(service)s has %(n)s connections: %(names)s. %(reason)s")
    return gettext_noop("%(service)s has %(n)s connections: %(names)s and %(further)s more. %(reason)s")


def dependent_connections(api: CustomApi) -> list[str]:
    """The names of all connections of the API, of every member: its maintainers see the whole team's."""
    return list(api.integration.connections.order_by("name", "pk").values_list("name", flat=True))


def waiting_connections(api: CustomApi) -> list[str]:
    """The names of its connections that need attention, of every member."""
    rows = api.integration.connections.filter(status="needs_attention")
    return list(rows.order_by("name", "pk").values_list("name", flat=True))
