"""Values that a service states with each token (the host of the account's API): taken again from every refresh."""

import logging

from django.db import transaction

from apps.audit.origin import Origin
from apps.audit.services import record
from apps.connections.models import Connection
from apps.connections.services.status import target_of
from apps.integrations.catalog import response_params
from apps.integrations.catalog.entries import entry_for
from apps.integrations.errors import IntegrationMisconfigured
from apps.oauth.token_response import TokenResponse

logger = logging.getLogger(__name__)


def take_again(connection: Connection, response: TokenResponse, *, origin: Origin) -> None:
    """Store the values of a refresh's response that differ from the connection's; later calls use them.

    A value that does not fit its pattern in the catalog is not the service's own, and is left out: the tokens are
    stored already, and the earlier value stays.
    """
    entry = entry_for(connection.integration)
    if not entry.params_from("token_response"):
        return
    try:
        values = response_params.from_token_response(entry, response.kept)
    except IntegrationMisconfigured:
        logger.warning("value of a refresh left out connection=%s", connection.pk)
        return
    if all(connection.params.get(name) == value for name, value in values.items()):
        return
    with transaction.atomic():
        current = Connection.objects.select_for_update().get(pk=connection.pk)
        changed = sorted(name for name, value in values.items() if current.params.get(name) != value)
        current.params = {**current.params, **values}
        current.save(update_fields=["params"])
        record(
            action="connection.values_changed",
            origin=origin,
            team_id=current.team_id,
            target=target_of(connection),
            names=changed,
        )
