"""What the tests of pages begin with: a service that is set up, connections, and authorization flows under way."""

import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.connections.models import AuthorizationAttempt, Connection, ConnectionShare, Status, TokenSet
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.oauth_apps.services import ensure_oauth_app
from apps.teams.models import Membership
from tests.fixtures.integrations import load_services

JSON = {"accept": "application/json"}


def set_up_service(slug: str = "sandbox") -> Integration:
    """A built-in service with an operator's OAuth app, without the other services. Nothing listens at its address."""
    load_services(slug)
    ensure_oauth_app(
        integration_slug=slug,
        client_id="client-of-tests",
        client_secret=secrets.token_urlsafe(24),
        params={"origin": "https://sandbox.example"},
    )
    return Integration.objects.get(slug=slug, team=None)


def make_connection(membership: Membership, integration: Integration, name: str = "Ada", **fields: Any) -> Connection:
    """A connection with a token that lives, and one to refresh it."""
    return make_connections(membership, integration, name, **fields)[0]


def make_connections(membership: Membership, integration: Integration, *names: str, **fields: Any) -> list[Connection]:
    """Such connections with these names, in two statements."""
    now = timezone.now()
    oauth_app = OAuthApp.objects.get(integration=integration)
    values = {
        "scopes_requested": ["profile"],
        "scopes_granted": ["profile"],
        "status_changed_at": now,
        "created_at": now,
    }
    connections = [
        Connection(
            team=membership.team,
            integration=integration,
            oauth_app=oauth_app,
            owner=membership.user,
            name=name,
            **{"account_subject": secrets.token_hex(8), "account_label": name, **values, **fields},
        )
        for name in names
    ]
    Connection.objects.bulk_create(connections)
    TokenSet.objects.bulk_create(
        TokenSet(
            connection=connection,
            team=membership.team,
            access_token=secrets.token_urlsafe(24),
            refresh_token=secrets.token_urlsafe(24),
            obtained_at=now,
            expires_at=now + timedelta(hours=1),
            next_refresh_at=now + timedelta(minutes=50),
        )
        for connection in connections
    )
    return connections


def make_red(connection: Connection, reason: str = "reauthorization_required") -> None:
    Connection.objects.filter(pk=connection.pk).update(status=Status.NEEDS_ATTENTION, status_reason=reason)
    TokenSet.objects.filter(connection=connection).update(next_refresh_at=None)


def share(connection: Connection, level: str = "use") -> None:
    Connection.objects.filter(pk=connection.pk).update(is_shared=True)
    ConnectionShare.objects.create(connection=connection, level=level)


def start_flow(browser: Client, *, slug: str = "sandbox", **fields: Any) -> tuple[AuthorizationAttempt, str]:
    """An authorization flow begun by the page's script: the attempt, and the state that went to the service."""
    url = reverse("connections:connect", args=[slug])
    answer = browser.post(url, {"scopes": ["profile"], **fields}, headers=JSON).json()
    state = parse_qs(urlsplit(answer["authorization_url"]).query)["state"][0]
    return AuthorizationAttempt.objects.get(pk=answer["attempt"]), state


def open_callback(browser: Client, **query: str) -> Any:
    return browser.get(reverse("connections:callback"), query)
