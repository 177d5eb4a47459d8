"""Access tokens for a connection's own client (RFC 6749 4.4)."""

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext_noop
from django.views.decorators.debug import sensitive_variables

from apps.connections.errors import KeyNotChecked, KeyRefused
from apps.integrations.catalog.provider_config import provider_config
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
        raise KeyRefused(
            gettext_noop("This client was rejected by %(name)s (error “%(code)s”).")
            % {"name": name, "code": error.code}
        ) from None
    except EndpointRefused as error:
        raise KeyNotChecked(
            gettext_noop("%(name)s could not be reached. %(reason)s") % {"name": name, "reason": error.reason}
        ) from None
    except OAuthError as error:
        raise KeyNotChecked(
            gettext_noop("%(name)s could not be reached: %(description)s.")
            % {"name": name, "description": _description(error)}
        ) from None


def _description(error: OAuthError) -> str:
    if isinstance(error, ProviderFault):
        return gettext_noop("HTTP status %(status)s") % {"status": error.status}
    return (
        gettext_noop("its response was not a token")
        if isinstance(error, MalformedResponse)
        else gettext_noop("it did not respond")
    )
