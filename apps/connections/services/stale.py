"""Tokens that are not stored: stale ones and discarded grants. They are revoked if no connection needs them."""

import logging

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction

from apps.audit.origin import Origin
from apps.audit.services import fingerprint, record
from apps.connections.models import AuthorizationAttempt, Connection, Status, TokenSet
from apps.connections.services.status import target_of
from apps.connections.services.store_grant import Grant
from apps.errors import SpecwayError
from apps.integrations.catalog.entries import provider_config
from apps.integrations.models import OAuthApp
from apps.integrations.oauth_apps.services import client_credentials
from apps.oauth import revocation
from apps.oauth.errors import OAuthError
from apps.oauth.provider import ProviderConfig
from apps.oauth.token_response import TokenResponse

logger = logging.getLogger(__name__)


def discard_stale(row: TokenSet, provider: ProviderConfig, response: TokenResponse, *, origin: Origin) -> None:
    """Record that a refresh is stale, and revoke its tokens after a disconnect, since no other copy can end the grant.

    They are not revoked after a reconnect: many services would end the new grant with them.
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
    if disconnected:
        _revoke(provider, connection.oauth_app, response)


def revoke_unwanted(attempt: AuthorizationAttempt, grant: Grant) -> None:
    """Revoke a grant that is not stored, unless a connection uses a grant of the same account."""
    connected = Connection.objects.filter(integration=attempt.integration_id, account_subject=grant.subject)
    if connected.exclude(status=Status.DISCONNECTING).exists():
        return
    try:
        params = attempt.params | grant.params
        provider = provider_config(attempt.integration, oauth_app=attempt.oauth_app, params=params)
    except (SpecwayError, ObjectDoesNotExist) as error:  # the integration was deleted, or its values are not valid
        logger.warning("discarded token not revoked attempt=%s error=%s", attempt.pk, type(error).__name__)
        return
    _revoke(provider, attempt.oauth_app, grant.response)


def _revoke(provider: ProviderConfig, oauth_app: OAuthApp | None, response: TokenResponse) -> None:
    try:
        revocation.revoke(
            provider,
            client_credentials(oauth_app),
            access_token=response.access_token,
            refresh_token=response.refresh_token,
        )
    except (OAuthError, SpecwayError) as error:
        logger.warning("discarded token not revoked integration=%s error=%s", provider.slug, type(error).__name__)
