"""Tells the team's webhooks what became of a connection, in the transaction in which it does."""

from typing import Any

from apps.connections.models import Connection
from apps.notifications import outbox


def emit(event: str, connection: Connection, **further: Any) -> None:
    """Queue one of `apps.notifications.models.Event`; `further` joins the data. Nothing of it is secret."""
    data = {
        "connection": str(connection.pk),
        "team": str(connection.team_id),
        "integration": connection.integration.slug,
        "name": connection.name,
        "owner": str(connection.owner_id),
        **further,
    }
    outbox.enqueue_webhook(event, team_id=connection.team_id, data=data)
