"""Reading the stored values of a connection's key."""

from django.utils.translation import gettext_noop
from django.views.decorators.debug import sensitive_variables

from apps.connections.errors import ReauthorizationRequired
from apps.connections.messages import reason_message
from apps.connections.models import Connection, Credential
from apps.errors import NotFound
from apps.integrations.models import Integration


@sensitive_variables()
def stored_fields(connection: Connection) -> dict[str, str]:
    """The stored values by name. Raises UnreadableSecret, NotFound if there are none, and ReauthorizationRequired if
    they were entered for other addresses than the API's."""
    row = Credential.objects.filter(connection=connection).select_related("team").first()
    return fields_in(row, connection.integration)


@sensitive_variables()
def fields_in(row: Credential | None, integration: Integration) -> dict[str, str]:
    """The values of a credential. Raises what `stored_fields` raises."""
    if row is None or row.fields is None:
        raise NotFound(gettext_noop("This connection has no stored key any more."))
    values: dict[str, str] = row.fields.reveal_json()
    if values and row.base_url_fingerprint != integration.base_url_fingerprint:
        raise ReauthorizationRequired(reason_message("address_changed", integration.name))
    return values


def is_for_current_base_url(connection: Connection) -> bool:
    """Whether the stored key may be sent to the API's present addresses."""
    return Credential.objects.filter(
        connection=connection, base_url_fingerprint=connection.integration.base_url_fingerprint
    ).exists()
