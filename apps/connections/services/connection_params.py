"""Connections that lack a value which their service asks for now, or hold one that does not fit any more: a team
changed what its own API asks for.

Nothing is sent with such a value: `catalog.placeholder_values` looks at each before its use, so a process that dies
before this is done changes only when people learn of it.
"""

from django.db.models.functions import Now

from apps.audit.origin import Origin
from apps.connections.models import Connection, TokenSet
from apps.connections.services import client_change
from apps.connections.services.status import mark_needs_attention, mark_reconnected
from apps.integrations.catalog.entries import entry_of
from apps.integrations.catalog.placeholders import missing_or_invalid
from apps.integrations.catalog.schema import Param
from apps.integrations.models import Integration

REASON = "values_missing"


def required_params(connection: Connection) -> list[Param]:
    """What the person has to enter before the connection can be used again."""
    entry = entry_of(connection.integration)
    return missing_or_invalid(entry.params_from("user"), connection.params) if entry else []


def mark_unfit_connections(integration: Integration, origin: Origin) -> None:
    """Red for all that lack a value; green again, or red for what else is the matter, where none is asked for."""
    theirs = Connection.objects.filter(integration=integration)
    client_change.one_by_one(theirs, lambda connection: _settle(connection, origin))


def _settle(connection: Connection, origin: Origin) -> None:
    tokens = TokenSet.objects.filter(connection=connection)
    if required_params(connection):
        mark_needs_attention(connection, reason=REASON, origin=origin)
        tokens.update(next_refresh_at=None)
    elif connection.status_reason == REASON:
        if reason := client_change.reason_of(connection):
            mark_needs_attention(connection, reason=reason, origin=origin)
        else:
            mark_reconnected(connection, origin=origin)
            client_change.renewable(connection).update(next_refresh_at=Now())
