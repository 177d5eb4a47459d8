"""Giving a connection another name."""

from django.db import transaction

from apps.audit.services import record
from apps.connections.models import Connection
from apps.connections.services.status import target_of
from apps.integrations.errors import InvalidInput
from apps.teams.actor import Actor


@transaction.atomic
def rename(*, actor: Actor, connection: Connection, name: str) -> None:
    """The same connection under a new name. Raises InvalidInput for an empty one."""
    wanted = name.strip()
    if not wanted or len(wanted) > 200 or not wanted.isprintable():
        raise InvalidInput([("name", "Enter a name of one line, at most 200 characters.")])
    if wanted == connection.name:
        return
    before, connection.name = connection.name, wanted
    connection.save(update_fields=["name"])
    record(
        action="connection.renamed",
        origin=actor.origin,
        team_id=connection.team_id,
        target=target_of(connection),
        before=before,
    )
