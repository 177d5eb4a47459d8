"""The provider's facts as a connection needs them."""

from apps.connections.errors import IntegrationNotSetUp
from apps.connections.models import Connection
from apps.connections.services.connection_params import required_params
from apps.integrations.catalog.entries import provider_config
from apps.integrations.models import KINDS_WITH_OAUTH_APP
from apps.oauth.provider import ProviderConfig


def provider_of(connection: Connection) -> ProviderConfig:
    """The provider's facts with this connection's and its OAuth app's placeholders filled in.

    Raises IntegrationNotSetUp without an OAuth app, IntegrationMisconfigured where a value is missing or unfit.
    """
    if connection.oauth_app is None and connection.integration.kind in KINDS_WITH_OAUTH_APP:
        raise IntegrationNotSetUp(f"The OAuth app for {connection.integration.name} is gone. An operator can add it.")
    return provider_config(connection.integration, oauth_app=connection.oauth_app, params=connection.params)


def provider_for_words(connection: Connection) -> ProviderConfig:
    """The same with examples in the places of what the connection lacks: to compare names of permissions by, and never
    to send anything."""
    examples = {param.name: param.example for param in required_params(connection)}
    params = {**connection.params, **examples}
    return provider_config(connection.integration, oauth_app=connection.oauth_app, params=params)
