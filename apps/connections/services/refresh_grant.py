"""The token request that obtains a new access token without a person: by refresh token, or by the client itself."""

from collections.abc import Callable
from dataclasses import dataclass, field

from django.views.decorators.debug import sensitive_variables

from apps.connections.models import TokenSet
from apps.connections.policy.refresh_policy import CALL_DEADLINE
from apps.connections.services.client_credentials import own_client
from apps.connections.services.stored_key import stored_fields
from apps.integrations.oauth_apps.services import client_credentials
from apps.integrations.redirect_uri import redirect_uri
from apps.oauth import token_request
from apps.oauth.provider import ProviderConfig
from apps.oauth.token_response import TokenResponse


@dataclass(frozen=True)
class RefreshGrant:
    """A token request that is ready to be sent. `secret` is the refresh token or client secret that it carries."""

    provider: ProviderConfig
    secret: str = field(repr=False)
    send: Callable[[], TokenResponse] = field(repr=False)


@sensitive_variables()
def refresh_grant_for(row: TokenSet, provider: ProviderConfig) -> RefreshGrant:
    """The token request for a token set, with its secrets decrypted already. Raises UnreadableSecret."""
    return _BY_GRANT_TYPE[row.refresh_grant_type](row, provider)


def _by_refresh_token(row: TokenSet, provider: ProviderConfig) -> RefreshGrant:
    secret = row.refresh_token.reveal() if row.refresh_token else ""
    oauth_app = row.connection.oauth_app
    credentials = client_credentials(oauth_app)
    deadline = CALL_DEADLINE.total_seconds()
    callback = redirect_uri(oauth_app) if oauth_app and provider.refresh_repeats_redirect_uri else ""
    return RefreshGrant(
        provider,
        secret,
        lambda: token_request.refresh(
            provider, credentials, refresh_token=secret, redirect_uri=callback, deadline=deadline
        ),
    )


def _by_own_client(row: TokenSet, provider: ProviderConfig) -> RefreshGrant:
    credentials = own_client(stored_fields(row.connection))
    scopes, deadline = row.connection.scopes_requested, CALL_DEADLINE.total_seconds()
    return RefreshGrant(
        provider,
        credentials.client_secret or "",
        lambda: token_request.client_credentials(provider, credentials, scopes=scopes, deadline=deadline),
    )


_BY_GRANT_TYPE: dict[str, Callable[[TokenSet, ProviderConfig], RefreshGrant]] = {
    "refresh_token": _by_refresh_token,
    "client_credentials": _by_own_client,
}
