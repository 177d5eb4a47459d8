"""Loading the connection or integration of a page, with its access check: 404 if invisible, 403 if not manageable."""

from uuid import UUID

from django.utils.translation import gettext

from apps.connections.models import Connection
from apps.connections.policy.access import may_manage, may_view
from apps.errors import NotAllowed, NotFound
from apps.integrations.models import Integration
from apps.teams.actor import Actor


def visible_connection(actor: Actor, connection_id: UUID) -> Connection:
    """The connection with its shares. Raises NotFound for one that the actor may not see."""
    visible = Connection.objects.visible_to(actor).with_details().prefetch_related("shares", "workflows")
    connection = visible.filter(pk=connection_id).first()
    if connection is None:
        raise NotFound(gettext("There is no such connection, or it is not shared with you."))
    return connection


def viewed_connection(actor: Actor, connection_id: UUID) -> Connection:
    """The same for the level View. Raises NotFound for an actor who may only use it."""
    connection = visible_connection(actor, connection_id)
    if not may_view(actor, connection):
        raise NotFound(
            gettext("You may use %(connection)s in workflows, but not view its details.")
            % {"connection": connection.name}
        )
    return connection


def managed_connection(actor: Actor, connection_id: UUID) -> Connection:
    """The same for the level Manage. Raises NotAllowed for an actor who may only see it."""
    connection = visible_connection(actor, connection_id)
    if not may_manage(actor, connection):
        raise NotAllowed(
            gettext("You are not allowed to manage %(connection)s. Ask its owner or an admin.")
            % {"connection": connection.name}
        )
    return connection


def integration_of(actor: Actor, slug: str) -> Integration:
    """The service that the team can connect to by this slug. Raises NotFound."""
    integration = Integration.objects.visible_to(actor).filter(is_enabled=True).with_slug(slug)
    if integration is None:
        raise NotFound(gettext("There is no such service, or it can no longer be connected."))
    return integration
