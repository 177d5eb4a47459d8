"""Connections whose OAuth app, or whose API's addresses, changed: their tokens and keys belong to the earlier ones.

A refresh token is never sent with another client's credentials: `refresh.py` compares before it sends, so a process
that dies before the connections are marked delays only when people learn of it.
"""

from collections.abc import Callable

from django.db import transaction
from django.db.models import QuerySet

from apps.audit.origin import Origin
from apps.connections.models import Connection, Status, TokenSet
from apps.connections.services import attempts
from apps.connections.services.status import mark_needs_attention, mark_reconnected
from apps.integrations.models import Integration, OAuthApp
from apps.sql import Now

REASON = "oauth_app_changed"
ADDRESS_REASON = "address_changed"
_BATCH = 200


def belongs_to_earlier_client(row: TokenSet) -> bool:
    """Whether the tokens were issued to another client than the OAuth app is now."""
    oauth_app = row.connection.oauth_app
    return oauth_app is not None and bool(row.client_key) and row.client_key != oauth_app.client_key


def mark_connections(oauth_app: OAuthApp, origin: Origin) -> None:
    """Mark connections whose tokens were issued to another client, and recover those whose client is back.

    Attempts in progress were started for the earlier client, so they fail.
    """
    attempts.fail_open_attempts(oauth_app)
    connections = Connection.objects.filter(oauth_app=oauth_app, token_set__isnull=False)
    for_each_locked(connections, lambda connection: _settle(connection, oauth_app, origin))


def for_each_locked(connections: QuerySet[Connection], settle: Callable[[Connection], None]) -> None:
    """Call `settle` with each connection, locked, in transactions of limited size, unless it is being disconnected."""
    ids = list(connections.exclude(status=Status.DISCONNECTING).order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), _BATCH):
        with transaction.atomic(durable=True):
            rows = Connection.objects.select_for_update(of=("self",)).filter(pk__in=ids[start : start + _BATCH])
            for connection in rows.select_related("integration", "token_set", "credential", "oauth_app").order_by("pk"):
                settle(connection)


def _settle(connection: Connection, oauth_app: OAuthApp, origin: Origin) -> None:
    tokens = TokenSet.objects.filter(pk=connection.token_set.pk)
    if connection.token_set.client_key != oauth_app.client_key:
        mark_needs_attention(connection, reason=REASON, origin=origin)
        tokens.update(next_refresh_at=None)
    elif connection.status_reason == REASON:
        mark_reconnected(connection, origin=origin)
        refreshable(connection).update(next_refresh_at=Now())


def mark_keyed_connections(integration: Integration, origin: Origin) -> None:
    """Mark connections whose key was entered for other addresses than the API's, and recover those that match again.

    `credentials.stored_fields` compares before each use.
    """
    keyed = Connection.objects.filter(integration=integration, credential__isnull=False)
    for_each_locked(keyed, lambda connection: _settle_key(connection, origin))


def _settle_key(connection: Connection, origin: Origin) -> None:
    if reason_of(connection):
        mark_needs_attention(connection, reason=ADDRESS_REASON, origin=origin)
        TokenSet.objects.filter(connection=connection).update(next_refresh_at=None)
    elif connection.status_reason == ADDRESS_REASON:
        mark_reconnected(connection, origin=origin)
        refreshable(connection).update(next_refresh_at=Now())


def reason_of(connection: Connection) -> str:
    """The status reason if the stored token or key belongs to an earlier client or earlier addresses, else ""."""
    credential, oauth_app = getattr(connection, "credential", None), connection.oauth_app
    if credential is not None and connection.integration.kind != Integration.Kind.NONE:  # nothing is sent there
        return ADDRESS_REASON if credential.base_url_fingerprint != connection.integration.base_url_fingerprint else ""
    tokens: TokenSet | None = getattr(connection, "token_set", None)
    if oauth_app is None or tokens is None:
        return ""
    return REASON if tokens.client_key != oauth_app.client_key else ""


def refreshable(connection: Connection) -> QuerySet[TokenSet]:
    """The connection's token set, if it can be refreshed: by a refresh token, or by its own client."""
    tokens = TokenSet.objects.filter(connection=connection)
    return tokens.filter(refresh_token__isnull=False) if connection.oauth_app_id else tokens
