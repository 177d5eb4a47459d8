"""Access tokens for a connection's own client (RFC 6749 4.4)."""

from collections.abc import Mapping, Sequence

from django.views.decorators.debug import sensitive_variables

from apps.connections.errors import KeyNotChecked, KeyRefused
from apps.integrations.catalog.entries import provider_config
from apps.integrations.models import Integration
from apps.oauth import token_request
from apps.oauth.errors import EndpointRefused, MalformedResponse, OAuthError, ProviderFault, TokenError
from apps.oauth.provider import ClientCredentials
from apps.oauth.token_response import TokenResponse


def own_client(fields: Mapping[str, str]) -> ClientCredentials:
    """The client ID and secret in the fields of a credential, with the further key if there is one."""
    return ClientCredentials(
        client_id=fields["client_id"], client_secret=fields["client_secret"], further_key=fields.get("further_key")
    )


@sensitive_variables()
def obtain(
    *, integration: Integration, fields: Mapping[str, str], params: Mapping[str, str], scopes: Sequence[str]
) -> TokenResponse:
    """The first token, which verifies ID and secret. Raises KeyRefused or KeyNotChecked."""
    provider, name = provider_config(integration, params=params), integration.name
    try:
        return token_request.client_credentials(provider, own_client(fields), scopes=scopes)
    except TokenError as error:
        raise KeyRefused(f"This client was rejected by {name} (error “{error.code}”).") from None
    except EndpointRefused as error:
        raise KeyNotChecked(f"{name} could not be reached. {error.reason}") from None
    except OAuthError as error:
        raise KeyNotChecked(f"{name} could not be reached: {_description(error)}.") from None


def _description(error: OAuthError) -> str:
    if isinstance(error, ProviderFault):
        return f"HTTP status {error.status}"
    return "its response was not a token" if isinstance(error, MalformedResponse) else "it did not respond"
