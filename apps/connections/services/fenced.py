"""What becomes of tokens that came too late: dropped, and revoked where their connection was disconnected."""

import logging

from django.db import transaction

from apps.audit.origin import Origin
from apps.audit.services import fingerprint, record
from apps.connections.models import Connection, Status, TokenSet
from apps.connections.services.status import target_of
from apps.integrations.services import client_credentials
from apps.oauth import client
from apps.oauth.errors import OAuthError
from apps.oauth.provider import ProviderConfig
from apps.oauth.token import TokenResponse

logger = logging.getLogger(__name__)


def drop_fenced(row: TokenSet, provider: ProviderConfig, response: TokenResponse, *, origin: Origin) -> None:
    """Record that a refresh was overtaken. After a disconnect ours is the only copy of a live grant: revoke it.

    After a reconnect it is not: many services revoke the whole grant, the new one included.
    """
    connection = row.connection
    disconnected = not Connection.objects.filter(pk=connection.pk).exclude(status=Status.DISCONNECTING).exists()
    with transaction.atomic(durable=True):
        record(
            action="connection.refresh_fenced",
            origin=origin,
            team_id=connection.team_id,
            target=target_of(connection),
            token_fp=fingerprint(response.access_token),
            disconnected=disconnected,
        )
    if not disconnected or connection.oauth_app is None:
        return
    try:
        client.revoke(
            provider,
            client_credentials(connection.oauth_app),
            access_token=response.access_token,
            refresh_token=response.refresh_token,
        )
    except OAuthError as error:
        logger.warning("fenced token not revoked connection=%s error=%s", connection.pk, type(error).__name__)
