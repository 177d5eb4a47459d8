"""Connections whose OAuth app became another client: their tokens belong to the one before.

A refresh token is never sent with another client's credentials: `refresh.py` compares before it sends, so a process
that dies before this is done changes only when people learn of it.
"""

from collections.abc import Callable

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.audit.origin import Origin
from apps.connections.models import AuthorizationAttempt, Connection, Status, TokenSet
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
    trips.update(status=status.CANCELED, code_verifier=None, pending_tokens=None)
    theirs = Connection.objects.filter(oauth_app=oauth_app, token_set__isnull=False)
    one_by_one(theirs, lambda connection: _settle(connection, oauth_app, origin))


def one_by_one(connections: QuerySet[Connection], settle: Callable[[Connection], None]) -> None:
    """`settle` each, locked, in transactions of a bearable length; those being disconnected are left alone."""
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
        renewable(connection).update(next_refresh_at=Now())


def mark_keyed_connections(integration: Integration, origin: Origin) -> None:
    """Red for all whose key was entered for other addresses than the API has now; green again where those came back.

    `credentials.stored_fields` compares before each use, so a process that dies here changes only when people learn.
    """
    keyed = Connection.objects.filter(integration=integration, credential__isnull=False)
    one_by_one(keyed, lambda connection: _settle_key(connection, origin))


def _settle_key(connection: Connection, origin: Origin) -> None:
    if reason_of(connection):
        mark_needs_attention(connection, reason=ADDRESS_REASON, origin=origin)
        TokenSet.objects.filter(connection=connection).update(next_refresh_at=None)
    elif connection.status_reason == ADDRESS_REASON:
        mark_reconnected(connection, origin=origin)
        renewable(connection).update(next_refresh_at=Now())


def reason_of(connection: Connection) -> str:
    """Why what is stored belongs to another client or other addresses than there are now; "" if it does not."""
    credential, oauth_app = getattr(connection, "credential", None), connection.oauth_app
    if credential is not None and connection.integration.kind != Integration.Kind.NONE:  # there, nothing is sent
        return ADDRESS_REASON if credential.base_url_fingerprint != connection.integration.base_url_fingerprint else ""
    tokens: TokenSet | None = getattr(connection, "token_set", None)
    if oauth_app is None or tokens is None:
        return ""
    return REASON if tokens.client_key != oauth_app.client_key else ""


def renewable(connection: Connection) -> QuerySet[TokenSet]:
    """The connection's tokens, if they can be renewed: by a refresh token, or by a client of its own."""
    tokens = TokenSet.objects.filter(connection=connection)
    return tokens.filter(refresh_token__isnull=False) if connection.oauth_app_id else tokens
