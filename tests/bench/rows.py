"""Many connections at once, as rows."""

import json
from datetime import timedelta

from django.utils import timezone

from apps.connections.models import Connection, TokenSet
from apps.connections.services.refresh import load
from apps.sql import Now
from apps.teams.actor import Actor
from apps.teams.models import Membership, Role
from tests.authserver import AuthServer
from tests.connections.rows import make_connection, make_integration
from tests.factories import actor_for, make_member


def make_due_connections(origin: str, count: int) -> tuple[Connection, Actor]:
    """`count` connections at `origin`, due now, and one that is not: it and the actor whose it is."""
    owner, now = make_member(role=Role.OWNER), timezone.now()
    integration = make_integration(origin)
    calm = make_connection(integration, owner)
    TokenSet.objects.update(obtained_at=now, expires_at=now + timedelta(hours=8), next_refresh_at=None)
    rows = [
        Connection(
            team=owner.team,
            integration=integration,
            oauth_app=calm.oauth_app,
            owner=owner.user,
            name=f"Connection {number}",
            status_changed_at=now,
            created_at=now,
        )
        for number in range(count)
    ]
    Connection.objects.bulk_create(rows, batch_size=1000)
    token_sets = [
        TokenSet(
            connection=row,
            team=owner.team,
            access_token=f"at-{number}-0",
            refresh_token=f"rt-{number}-0",
            obtained_at=now - timedelta(hours=1),
            expires_at=now + timedelta(minutes=5),
            next_refresh_at=now,
        )
        for number, row in enumerate(rows)
    ]
    TokenSet.objects.bulk_create(token_sets, batch_size=1000)
    return load(calm.pk).connection, actor_for(owner)


def make_connected(server: AuthServer) -> tuple[Connection, Membership]:
    """A connection with a grant at `server`, and whose it is."""
    form = {"grant_type": "authorization_code", "code": server.code_for(scopes=["profile"])}
    given = json.loads(server.token(form, server._basic()).body)
    integration, owner = make_integration(server.url), make_member()
    oauth_app = integration.oauth_apps.get()
    oauth_app.client_id, oauth_app.client_secret = server.client_id, server.client_secret
    oauth_app.save()
    connection = make_connection(integration, owner)
    row = TokenSet.objects.get(connection=connection)
    row.refresh_token = given["refresh_token"]
    row.save()
    return connection, owner


def expire(connection: Connection) -> None:
    """Its token, of an hour's life, has just ended."""
    TokenSet.objects.filter(connection=connection).update(
        obtained_at=Now() - timedelta(seconds=3605), expires_at=Now() - timedelta(seconds=5)
    )
