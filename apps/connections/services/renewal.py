"""How a new access token is obtained without anybody's consent: by the grant that the connection has for it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from django.views.decorators.debug import sensitive_variables

from apps.connections.models import TokenSet
from apps.connections.refresh_policy import CALL_DEADLINE
from apps.connections.services.credentials import stored_fields
from apps.connections.services.own_client import own_client
from apps.integrations.redirect import redirect_uri
from apps.integrations.services import client_credentials
from apps.oauth import client
from apps.oauth.provider import ProviderConfig
from apps.oauth.token import TokenResponse


@dataclass(frozen=True)
class Renewal:
    """A token call that is ready to be sent. `secret` is what it carries: a refresh token, or a client's secret."""

    secret: str = field(repr=False)
    send: Callable[[], TokenResponse] = field(repr=False)


@sensitive_variables()
def renewal_of(row: TokenSet, provider: ProviderConfig) -> Renewal:
    """Everything that the call needs, revealed before anything is sent. Raises UnreadableSecret."""
    return _BY_GRANT[row.renewing_grant](row, provider)


def _by_refresh_token(row: TokenSet, provider: ProviderConfig) -> Renewal:
    secret = row.refresh_token.reveal() if row.refresh_token else ""
    credentials = client_credentials(row.connection.oauth_app)
    deadline = CALL_DEADLINE.total_seconds()
    callback = redirect_uri(row.connection.integration)
    return Renewal(
        secret,
        lambda: client.refresh(provider, credentials, refresh_token=secret, redirect_uri=callback, deadline=deadline),
    )


def _by_own_client(row: TokenSet, provider: ProviderConfig) -> Renewal:
    credentials = own_client(stored_fields(row.connection))
    scopes, deadline = row.connection.scopes_requested, CALL_DEADLINE.total_seconds()
    return Renewal(
        credentials.client_secret or "",
        lambda: client.client_credentials(provider, credentials, scopes=scopes, deadline=deadline),
    )


_BY_GRANT: dict[str, Callable[[TokenSet, ProviderConfig], Renewal]] = {
    "refresh_token": _by_refresh_token,
    "client_credentials": _by_own_client,
}
