"""Connections whose OAuth app became another client: their tokens belong to the one before.

A refresh token is never sent with another client's credentials: `refresh.py` compares before it sends, so a process
that dies before this is done changes only when people learn of it.
"""

from django.db import transaction
from django.db.models.functions import Now

from apps.audit.origin import Origin
from apps.connections.models import AuthorizationAttempt, Connection, Credential, Status, TokenSet
from apps.connections.services.status import mark_needs_attention, mark_reconnected
from apps.integrations.models import Integration, OAuthApp

REASON = "oauth_app_changed"
ADDRESS_REASON = "address_changed"
_BATCH = 200


def belongs_to_earlier_client(row: TokenSet) -> bool:
    """Whether the tokens were given to another client than the OAuth app is now, as both were read together."""
    oauth_app = row.connection.oauth_app
    return oauth_app is not None and bool(row.client_key) and row.client_key != oauth_app.client_key


def mark_connections(oauth_app: OAuthApp, origin: Origin) -> None:
    """Red for all whose tokens are another client's; green again where the earlier client has come back.

    Trips under way were begun for the client before: their answers must not go to the new one.
    """
    status = AuthorizationAttempt.Status
    trips = AuthorizationAttempt.objects.filter(oauth_app=oauth_app, status__in=(status.PENDING, status.UNDECIDED))
    trips.update(status=status.CANCELLED, code_verifier=None, pending_tokens=None)
    theirs = Connection.objects.filter(oauth_app=oauth_app, token_set__isnull=False)
    ids = list(theirs.exclude(status=Status.DISCONNECTING).order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), _BATCH):
        with transaction.atomic(durable=True):
            rows = Connection.objects.select_for_update(of=("self",)).filter(pk__in=ids[start : start + _BATCH])
            for connection in rows.select_related("integration", "token_set").order_by("pk"):
                _settle(connection, oauth_app, origin)


def _settle(connection: Connection, oauth_app: OAuthApp, origin: Origin) -> None:
    tokens = TokenSet.objects.filter(pk=connection.token_set.pk)
    if connection.token_set.client_key != oauth_app.client_key:
        mark_needs_attention(connection, reason=REASON, origin=origin)
        tokens.update(next_refresh_at=None)
    elif connection.status_reason == REASON:
        mark_reconnected(connection, origin=origin)
        tokens.filter(refresh_token__isnull=False).update(next_refresh_at=Now())


def mark_keyed_connections(integration: Integration, origin: Origin) -> None:
    """Red for all whose key was entered for other addresses than the API has now; green again where those came back.

    `credentials.stored_fields` compares before each use, so a process that dies here changes only when people learn.
    """
    keys = Credential.objects.filter(connection__integration=integration)
    keys = keys.exclude(connection__status=Status.DISCONNECTING).order_by("connection_id")
    ids = list(keys.values_list("connection_id", flat=True))
    for start in range(0, len(ids), _BATCH):
        with transaction.atomic(durable=True):
            rows = Connection.objects.select_for_update(of=("self",)).filter(pk__in=ids[start : start + _BATCH])
            for connection in rows.select_related("integration", "credential").order_by("pk"):
                _settle_key(connection, origin)


def _settle_key(connection: Connection, origin: Origin) -> None:
    if connection.integration.kind == Integration.Kind.NONE:
        return  # nothing is sent, wherever it goes
    if connection.credential.places_key != connection.integration.places_key:
        mark_needs_attention(connection, reason=ADDRESS_REASON, origin=origin)
        TokenSet.objects.filter(connection=connection).update(next_refresh_at=None)
    elif connection.status_reason == ADDRESS_REASON:
        mark_reconnected(connection, origin=origin)
        TokenSet.objects.filter(connection=connection).update(next_refresh_at=Now())
