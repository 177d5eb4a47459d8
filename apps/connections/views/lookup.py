"""Finding what a page is about: within the team, visible, and manageable where it has to be; else 404 or 403."""

from uuid import UUID

from apps.connections.models import Connection
from apps.connections.policy.access import may_manage, may_view
from apps.errors import NotAllowed, NotFound
from apps.integrations.models import Integration
from apps.teams.actor import Actor


def visible_connection(actor: Actor, connection_id: UUID) -> Connection:
    """The connection with its shares. Raises NotFound for one that the actor may not see."""
    found = Connection.objects.visible_to(actor).with_details().prefetch_related("shares", "workflows")
    connection = found.filter(pk=connection_id).first()
    if connection is None:
        raise NotFound("There is no such connection, or it is not shared with you.")
    return connection


def viewed_connection(actor: Actor, connection_id: UUID) -> Connection:
    """The same, for one whose configuration the actor may see. Raises NotFound: what one may not see is not there."""
    connection = visible_connection(actor, connection_id)
    if not may_view(actor, connection):
        raise NotFound(f"You may use {connection.name} in workflows; what is here is shown from the level View on.")
    return connection


def managed_connection(actor: Actor, connection_id: UUID) -> Connection:
    """The same, for one that the actor may manage. Raises NotAllowed for one that they only see."""
    connection = visible_connection(actor, connection_id)
    if not may_manage(actor, connection):
        raise NotAllowed(f"Only those who manage the connection {connection.name} can change it.")
    return connection


def integration_of(actor: Actor, slug: str) -> Integration:
    """The service that the team can connect to by this slug. Raises NotFound."""
    integration = Integration.objects.visible_to(actor).filter(is_enabled=True).with_slug(slug)
    if integration is None:
        raise NotFound("There is no such service, or it cannot be connected any more.")
    return integration
