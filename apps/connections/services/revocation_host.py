"""To which revocation endpoints the tokens of a grant may be sent.

The revocation URL of a custom API can be added or changed without a reconnect. Otherwise its admins could collect the
tokens of members by entering a host of their own, so earlier tokens are sent to the token endpoint's host only.
"""

from apps.connections.models import Connection, TokenSet
from apps.connections.services.connection_params import provider_of
from apps.integrations.custom_apis.definition import origin
from apps.integrations.models import Integration
from apps.oauth.provider import ProviderConfig


def may_receive(provider: ProviderConfig, integration: Integration, *, revocation_version: int) -> bool:
    """Whether tokens may be sent to the provider's revocation endpoint.

    `revocation_version` is that of the tokens. `integration` is the one from which `provider` was made, so that a
    change meanwhile cannot separate them. True without an endpoint, since then nothing is sent.
    """
    endpoint = provider.revocation
    if endpoint is None or revocation_version == integration.revocation_version:
        return True
    return origin(endpoint.url) == origin(provider.token_url)


def may_keep_fields(connection: Connection) -> bool:
    """Whether a new key of a client credentials connection may be completed with stored values.

    Otherwise the stored values would count as entered for the present revocation URL, which may be later than they.
    """
    row = TokenSet.objects.filter(connection=connection).first()
    return row is None or may_receive(
        provider_of(connection), connection.integration, revocation_version=row.revocation_version
    )
