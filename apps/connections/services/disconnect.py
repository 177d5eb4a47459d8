"""Disconnecting: the grant is revoked at the service, the secrets are erased here, and what was done is told honestly.

First the connection is marked, which fences off refreshes under way and hides it from everybody; then the service is
called; then the rows go. A process that dies in between leaves the mark, and `finish_disconnects()` does the rest.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from apps.audit.origin import Origin
from apps.audit.services import record
from apps.connections.models import Connection, Status, TokenSet
from apps.connections.services import events, spool, tracing
from apps.connections.services.client_change import belongs_to_earlier_client
from apps.connections.services.client_credentials import own_client
from apps.connections.services.credentials import stored_fields
from apps.connections.services.provider import provider_of
from apps.connections.services.status import target_of
from apps.errors import NotFound, SpecwayError
from apps.integrations.catalog.entries import entry_of, links
from apps.integrations.models import KINDS_SENT_AS_ENTERED, KINDS_WITH_OAUTH_APP, Integration
from apps.integrations.oauth_apps.services import client_credentials
from apps.notifications.models import Event
from apps.oauth import revocation
from apps.oauth.errors import OAuthError, RevocationUnsupported
from apps.oauth.provider import ClientCredentials
from apps.teams.actor import Actor

logger = logging.getLogger(__name__)

_NO_WAY = "{name} offers no way to revoke access from here: the grant still stands there."
_STILL_THERE: dict[str, str] = {
    Integration.Kind.OAUTH2: _NO_WAY,
    Integration.Kind.OAUTH1: _NO_WAY,
    Integration.Kind.CLIENT_CREDENTIALS: (
        "The last token ends by itself. The client ID and secret go on working at {name}: delete them there if nobody "
        "needs them."
    ),
}

INTERRUPTED_AFTER = timedelta(minutes=2)


@dataclass(frozen=True)
class Disconnected:
    """What a disconnect did at the service. `revocation` is revoked, unsupported, failed or none: nothing to revoke."""

    name: str
    revocation: str
    sentence: str
    manage_url: str


def disconnect(*, actor: Actor, connection: Connection) -> Disconnected:
    """Revoke and erase. Raises NotFound if somebody else disconnected it first."""
    spool.replay()  # what waits there may be the very token to revoke
    with transaction.atomic(durable=True):
        marked = (
            Connection.objects.filter(pk=connection.pk)
            .exclude(status=Status.DISCONNECTING)
            .update(status=Status.DISCONNECTING, status_reason="", status_changed_at=Now())
        )
        if not marked:
            raise NotFound("There is no such connection.")
        TokenSet.objects.filter(connection=connection.pk).update(
            version=F("version") + 1, next_refresh_at=None, lease_token=None, lease_until=None
        )
    return _revoke_and_erase(connection, origin=actor.origin)


def finish_disconnects() -> int:
    """Finish what a dying process left marked. The number of connections finished."""
    left = Connection.objects.filter(
        status=Status.DISCONNECTING, status_changed_at__lt=Now() - INTERRUPTED_AFTER
    ).select_related("integration", "oauth_app")
    for connection in left:
        _revoke_and_erase(connection, origin=Origin(kind="system", id="", label="Specway"))
    return len(left)


def _revoke_and_erase(connection: Connection, *, origin: Origin) -> Disconnected:
    with tracing.traced(tracing.of_connection(connection)):
        result = _revoke(connection)
    with transaction.atomic(durable=True):
        workflows = [str(use) for use in connection.workflows.all()[:50]]
        erased, _ = Connection.objects.filter(pk=connection.pk).delete()
        if erased:
            record(
                action="connection.disconnected",
                origin=origin,
                team_id=connection.team_id,
                target=target_of(connection),
                revocation=result.revocation,
                workflows=workflows,
            )
            events.emit(Event.DISCONNECTED, connection, revocation=result.revocation)
    return result


def _revoke(connection: Connection) -> Disconnected:
    name = connection.integration.name
    row = TokenSet.objects.select_related("connection__oauth_app").filter(connection=connection.pk).first()
    url = manage_url(connection)
    if connection.integration.kind == Integration.Kind.NONE:
        return Disconnected(
            connection.name, "none", f"{name} takes no credentials, so there was nothing to revoke.", url
        )
    if connection.integration.kind in KINDS_SENT_AS_ENTERED:
        sentence = f"{name} was not told: what you entered goes on working there. Delete it there if nobody needs it."
        return Disconnected(connection.name, "none", sentence, url)
    app_is_gone = connection.oauth_app is None and connection.integration.kind in KINDS_WITH_OAUTH_APP
    if row is None or row.access_token is None or app_is_gone:
        return Disconnected(connection.name, "none", "There was no grant left to revoke.", url)
    if belongs_to_earlier_client(row):
        sentence = f"The grant belongs to an earlier OAuth app and still stands there: end it at {name}."
        return Disconnected(connection.name, "unsupported", sentence, url)
    try:
        revocation.revoke(
            provider_of(connection),
            _client_of(connection),
            access_token=row.access_token.reveal(),
            refresh_token=row.refresh_token.reveal() if row.refresh_token else None,
        )
    except RevocationUnsupported:
        sentence = _STILL_THERE[connection.integration.kind].format(name=name)
        return Disconnected(connection.name, "unsupported", sentence, url)
    except (OAuthError, SpecwayError) as error:
        logger.warning("not revoked connection=%s error=%s", connection.pk, type(error).__name__)
        sentence = f"{name} did not confirm the revocation, so the grant may still stand there."
        return Disconnected(connection.name, "failed", sentence, url)
    return Disconnected(connection.name, "revoked", f"{name} confirmed that the grant is revoked.", url)


def _client_of(connection: Connection) -> ClientCredentials:
    """What signs in at the token endpoint: the OAuth app, or a client of the connection's own."""
    if connection.integration.kind == Integration.Kind.CLIENT_CREDENTIALS:
        return own_client(stored_fields(connection))
    return client_credentials(connection.oauth_app)


def manage_url(connection: Connection) -> str:
    """The service's own page where a person sees and revokes what was granted; empty if none is known."""
    entry = entry_of(connection.integration)
    return links(entry, connection.oauth_app).manage_url if entry else ""
