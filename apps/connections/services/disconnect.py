"""Disconnecting: the grant is revoked at the service, the secrets are deleted here, and the result is reported.

First the connection is marked, which makes refreshes in progress stale and hides it; then the service is called; then
the rows are deleted. If the process dies in between, `finish_disconnects()` completes it.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_noop

from apps.audit.origin import Origin
from apps.audit.services import record
from apps.connections.models import Connection, Status, TokenSet
from apps.connections.services import spool, tracing
from apps.connections.services.client_change import belongs_to_earlier_client
from apps.connections.services.client_credentials import own_client
from apps.connections.services.connection_params import provider_of
from apps.connections.services.revocation_host import may_receive
from apps.connections.services.status import emit_event, target_of
from apps.connections.services.stored_key import stored_fields
from apps.errors import NotFound, SpecwayError
from apps.integrations.catalog.entries import entry_of
from apps.integrations.catalog.provider_config import links
from apps.integrations.models import KINDS_SENT_AS_ENTERED, KINDS_WITH_OAUTH_APP, Integration
from apps.integrations.oauth_apps.services import client_credentials
from apps.notifications.models import Event
from apps.oauth import revocation
from apps.oauth.errors import OAuthError, RevocationUnsupported
from apps.oauth.provider import ClientCredentials
from apps.sql import Now
from apps.teams.actor import Actor

logger = logging.getLogger(__name__)

_NO_REVOCATION = gettext_noop("{name} does not support revocation, so the grant is still valid there.")
_LATER_URL = gettext_noop(
    "The grant was not revoked and is still valid: the revocation URL of {name} was entered "
    "after this account was connected, and it is at another host than the token URL, so no token "
    "was sent there. Revoke it at {name}."
)
_NOT_REVOKED: dict[str, str] = {
    Integration.Kind.OAUTH2: _NO_REVOCATION,
    Integration.Kind.OAUTH1: _NO_REVOCATION,
    Integration.Kind.CLIENT_CREDENTIALS: (
        gettext_noop(
            "The last token expires by itself. The client ID and secret still work at {name}: delete "
            "them there if they are not needed."
        )
    ),
}

INTERRUPTED_AFTER = timedelta(minutes=2)


@dataclass(frozen=True)
class Disconnected:
    """The result of a disconnect. `revocation` is revoked, unsupported, failed, or none (nothing to revoke)."""

    name: str
    revocation: str
    sentence: str
    manage_url: str


def disconnect(*, actor: Actor, connection: Connection) -> Disconnected:
    """Revoke the grant and delete the connection. Raises NotFound if it was disconnected already."""
    spool.replay()  # it may hold the token to revoke
    with transaction.atomic(durable=True):
        marked = (
            Connection.objects.filter(pk=connection.pk)
            .exclude(status=Status.DISCONNECTING)
            .update(status=Status.DISCONNECTING, status_reason="", status_changed_at=Now())
        )
        if not marked:
            raise NotFound(gettext_noop("There is no such connection."))
        TokenSet.objects.filter(connection=connection.pk).update(
            version=F("version") + 1, next_refresh_at=None, lease_token=None, lease_until=None
        )
    return _revoke_and_delete(connection, origin=actor.origin)


def finish_disconnects() -> int:
    """Complete the disconnects of processes that died. The number of connections."""
    interrupted = Connection.objects.filter(
        status=Status.DISCONNECTING, status_changed_at__lt=Now() - INTERRUPTED_AFTER
    ).select_related("integration", "oauth_app")
    for connection in interrupted:
        _revoke_and_delete(connection, origin=Origin(kind="system", id="", label="Specway"))
    return len(interrupted)


def _revoke_and_delete(connection: Connection, *, origin: Origin) -> Disconnected:
    with tracing.traced(tracing.of_connection(connection)):
        result = _revoke(connection)
    with transaction.atomic(durable=True):
        workflows = [str(use) for use in connection.workflows.all()[:50]]
        deleted, _ = Connection.objects.filter(pk=connection.pk).delete()
        if deleted:
            record(
                action="connection.disconnected",
                origin=origin,
                team_id=connection.team_id,
                target=target_of(connection),
                revocation=result.revocation,
                workflows=workflows,
            )
            emit_event(Event.DISCONNECTED, connection, status="disconnected", revocation=result.revocation)
    return result


def _revoke(connection: Connection) -> Disconnected:
    row = TokenSet.objects.select_related("connection__oauth_app").filter(connection=connection.pk).first()
    revocation, message = _without_request(connection, row) or _request_revocation(connection, row)
    return Disconnected(connection.name, revocation, message, manage_url(connection))


def _without_request(connection: Connection, row: TokenSet | None) -> tuple[str, str] | None:
    """The result if there is nothing to revoke, or no client to revoke it with; None if a request can be made."""
    name, kind = connection.integration.name, connection.integration.kind
    if kind == Integration.Kind.NONE:
        return "none", gettext_noop("%(name)s uses no credentials, so there was nothing to revoke.") % {"name": name}
    if kind in KINDS_SENT_AS_ENTERED:
        return "none", gettext_noop(
            "The key was deleted here and still works at %(name)s. Delete it there if it is not needed."
        ) % {"name": name}
    app_is_gone = connection.oauth_app is None and kind in KINDS_WITH_OAUTH_APP
    if row is None or row.access_token is None or app_is_gone:
        return "none", gettext_noop("There was no grant to revoke.")
    if belongs_to_earlier_client(row):
        return "unsupported", gettext_noop(
            "The grant belongs to an earlier OAuth app and is still valid. Revoke it at %(name)s."
        ) % {"name": name}
    return None


def _request_revocation(connection: Connection, row: TokenSet | None) -> tuple[str, str]:
    name = connection.integration.name
    try:
        provider = provider_of(connection)
        version = row.revocation_version if row else 0
        if not may_receive(provider, connection.integration, revocation_version=version):
            return "unsupported", _LATER_URL.format(name=name)
        revocation.revoke(
            provider,
            _client_of(connection),
            access_token=row.access_token.reveal() if row and row.access_token else "",
            refresh_token=row.refresh_token.reveal() if row and row.refresh_token else None,
        )
    except RevocationUnsupported:
        return "unsupported", _NOT_REVOKED[connection.integration.kind].format(name=name)
    except (OAuthError, SpecwayError) as error:
        logger.warning("not revoked connection=%s error=%s", connection.pk, type(error).__name__)
        return "failed", gettext_noop(
            "%(name)s did not confirm the revocation, so the grant may still be valid there."
        ) % {"name": name}
    return "revoked", gettext_noop("%(name)s confirmed that the grant is revoked.") % {"name": name}


def _client_of(connection: Connection) -> ClientCredentials:
    """The client at the token endpoint: the OAuth app, or the connection's own."""
    if connection.integration.kind == Integration.Kind.CLIENT_CREDENTIALS:
        return own_client(stored_fields(connection))
    return client_credentials(connection.oauth_app)


def manage_url(connection: Connection) -> str:
    """The service's page on which a person sees and revokes grants; "" if unknown."""
    entry = entry_of(connection.integration)
    return links(entry, connection.oauth_app).manage_url if entry else ""
