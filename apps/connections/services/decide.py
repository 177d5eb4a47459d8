"""Deciding what becomes of the answer of another account than the one that a reconnect was for."""

import logging
from typing import Literal

from django.db import transaction
from django.db.models.functions import Now

from apps.audit.services import record
from apps.connections.errors import AttemptSettled
from apps.connections.models import AuthorizationAttempt, Connection
from apps.connections.services import attempts
from apps.connections.services.adopt import Grant, store
from apps.integrations.catalogue import provider_config
from apps.integrations.services import client_credentials
from apps.oauth import client
from apps.oauth.errors import OAuthError
from apps.teams.actor import Actor

logger = logging.getLogger(__name__)

Decision = Literal["replace", "new", "discard"]
_STATUS = AuthorizationAttempt.Status


def decide(*, actor: Actor, attempt: AuthorizationAttempt, decision: Decision) -> AuthorizationAttempt:
    """Give the connection the new account, make a new connection of it, or forget it and revoke its grant.

    Raises AttemptSettled if that was decided before or the ten minutes for it are over.
    """
    with transaction.atomic(durable=True):
        taken = AuthorizationAttempt.objects.filter(
            pk=attempt.pk, user=actor.user, status=_STATUS.UNDECIDED, expires_at__gt=Now()
        ).update(status=_STATUS.EXCHANGING)
        if not taken:
            raise AttemptSettled("This was decided before, or took longer than ten minutes. Reconnect to try again.")
        attempt = AuthorizationAttempt.objects.select_related("integration", "oauth_app", "connection").get(
            pk=attempt.pk
        )
        if attempt.pending_tokens is None:
            raise AttemptSettled("The answer of the other account is gone. Reconnect to try again.")
        grant = Grant.from_json(attempt.pending_tokens.reveal())
        if decision != "discard":
            existing = attempt.connection if decision == "replace" else None
            return store(attempt, grant, existing=existing, origin=actor.origin)
        AuthorizationAttempt.objects.filter(pk=attempt.pk).update(status=_STATUS.CANCELLED, pending_tokens=None)
        record(
            action="authorization.discarded",
            origin=actor.origin,
            team_id=attempt.team_id,
            target=attempts.target_of(attempt),
        )
    _revoke(attempt, grant)
    attempt.status = _STATUS.CANCELLED
    return attempt


def _revoke(attempt: AuthorizationAttempt, grant: Grant) -> None:
    """End the grant that nobody wants, unless a connection lives on a grant of the same account."""
    connected = Connection.objects.filter(integration=attempt.integration_id, account_subject=grant.subject)
    if connected.exists():
        return
    provider = provider_config(attempt.integration, oauth_app=attempt.oauth_app, params=attempt.params | grant.params)
    try:
        client.revoke(
            provider,
            client_credentials(attempt.oauth_app),
            access_token=grant.response.access_token,
            refresh_token=grant.response.refresh_token,
        )
    except OAuthError as error:
        logger.warning("discarded grant not revoked attempt=%s error=%s", attempt.pk, type(error).__name__)
