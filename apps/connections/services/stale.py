"""Tokens that are not stored: stale ones and discarded grants. They are revoked if no connection needs them."""

import logging

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.db.models import Q

from apps.audit.origin import Origin
from apps.audit.services import fingerprint, record
from apps.connections.models import AuthorizationAttempt, Connection, Status, TokenSet
from apps.connections.policy.accounts import Account, Sameness, compare
from apps.connections.services.connection_params import account_of, provider_of
from apps.connections.services.status import target_of
from apps.connections.services.store_grant import Grant, account_in
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
    """Revoke a grant that is not stored, unless a connection may use a grant of the same account.

    Many services end all grants of an account together.
    """
    if _may_be_in_use(attempt, account_in(attempt, grant)):
        return
    try:
        params = attempt.params | grant.params
        provider = provider_config(attempt.integration, oauth_app=attempt.oauth_app, params=params)
    except (SpecwayError, ObjectDoesNotExist) as error:  # the integration was deleted, or its values are not valid
        logger.warning("discarded token not revoked attempt=%s error=%s", attempt.pk, type(error).__name__)
        return
    _revoke(provider, attempt.oauth_app, grant.response)


def revoke_replaced(attempt: AuthorizationAttempt, connection: Connection, replaced: TokenResponse) -> str:
    """Revoke the grant of the account that another one replaced. What was done, as a message."""
    name, account = connection.integration.name, connection.account_label or "the earlier account"
    if _may_be_in_use(attempt, account_of(connection), except_for=connection):
        return f"Access as {account} is still valid at {name}, since another connection uses it."
    try:
        revoked = _revoke(provider_of(connection), connection.oauth_app, replaced)
    except SpecwayError:
        revoked = False
    if revoked:
        return f"Access as {account} was revoked at {name}."
    return f"Access as {account} could not be revoked from here. Revoke it at {name} if it is not needed."


def _may_be_in_use(attempt: AuthorizationAttempt, account: Account, *, except_for: Connection | None = None) -> bool:
    """Whether a connection uses a grant of this account, or one of the same owner may: an account is unknown."""
    rows = Connection.objects.filter(integration=attempt.integration_id).exclude(status=Status.DISCONNECTING)
    if except_for is not None:
        rows = rows.exclude(pk=except_for.pk)
    if account.subject:
        rows = rows.filter(Q(account_subject__in=[account.subject, ""]))
    for row in rows.select_related("integration").iterator():
        sameness = compare(account_of(row), account)
        own = row.owner_id == attempt.user_id or row.pk == attempt.connection_id
        if sameness is Sameness.SAME or (sameness is Sameness.UNKNOWN and own):
            return True
    return False


def _revoke(provider: ProviderConfig, oauth_app: OAuthApp | None, response: TokenResponse) -> bool:
    """Whether the service confirmed the revocation."""
    try:
        revocation.revoke(
            provider,
            client_credentials(oauth_app),
            access_token=response.access_token,
            refresh_token=response.refresh_token,
        )
    except (OAuthError, SpecwayError) as error:
        logger.warning("discarded token not revoked integration=%s error=%s", provider.slug, type(error).__name__)
        return False
    return True
