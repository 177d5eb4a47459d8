"""Connections with token sets, as rows, for tests that are not about how they came to be."""

import secrets
from datetime import timedelta
from typing import Any

from django.utils import timezone

from apps.connections.models import Connection, TokenSet
from apps.integrations.models import Integration, OAuthApp
from apps.teams.models import Membership
from tests import factories


def make_integration(origin: str = "http://127.0.0.1:1", **values: Any) -> Integration:
    """The sandbox, whose OAuth app points at `origin`."""
    integration = Integration.objects.create(
        **{"slug": "sandbox", "name": "Sandbox", "category": "developer-tools"} | values
    )
    OAuthApp.objects.create(
        integration=integration, client_id="client", client_secret=secrets.token_urlsafe(), params={"origin": origin}
    )
    return integration


def make_connection(integration: Integration, owner: Membership | None = None, **values: Any) -> Connection:
    """A connection whose token has just expired, so that its refresh is due. `values` are columns of the connection."""
    return make_connections(1, integration, owner, **values)[0]


def make_connections(
    count: int, integration: Integration, owner: Membership | None = None, **values: Any
) -> list[Connection]:
    """So many of them, of one owner, in as few statements as one of them takes."""
    membership, now = owner or factories.make_member(), timezone.now()
    columns = {
        "team": membership.team,
        "integration": integration,
        "oauth_app": values.get("oauth_app") or integration.oauth_apps.get(),
        "owner": membership.user,
        "name": integration.name,
        "status_changed_at": now,
        "created_at": now,
    } | values
    made = Connection.objects.bulk_create(Connection(**columns) for _ in range(count))
    TokenSet.objects.bulk_create(
        TokenSet(
            connection=connection,
            team=membership.team,
            access_token=secrets.token_urlsafe(),
            refresh_token=secrets.token_urlsafe(),
            obtained_at=now - timedelta(hours=1),
            expires_at=now - timedelta(seconds=90),
            # In their order: rows of one time could be claimed in any.
            next_refresh_at=now - timedelta(seconds=90) + timedelta(microseconds=number),
        )
        for number, connection in enumerate(made)
    )
    return made
