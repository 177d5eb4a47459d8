"""The cast of these tests: a loaded catalogue, a team's owner and member, a stranger, and connections they made."""

import secrets
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from apps.connections.models import Connection, ConnectionShare
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.services import ensure_oauth_app, load_catalogue
from apps.teams.models import Membership, Role
from tests.factories import make_member, make_team, make_user

ORIGIN = "http://127.0.0.1:8100"


FEW = ("github", "google-drive", "microsoft-graph", "notion", "sandbox", "slack")


@pytest.fixture
def loaded(db: Any) -> None:
    """A handful of services from the catalogue, so that a test can name them all."""
    load_catalogue()
    Integration.objects.exclude(slug__in=FEW).delete()


@pytest.fixture
def owner(db: Any) -> Membership:
    return make_member(role=Role.OWNER, user=make_user("Mara Lindqvist"))


@pytest.fixture
def member(owner: Membership) -> Membership:
    return make_member(owner.team, user=make_user("Jonas Weber"))


@pytest.fixture
def stranger(db: Any) -> Membership:
    return make_member(make_team("Kestrel Films"), Role.OWNER, user=make_user("Sam Okafor"))


@pytest.fixture
def set_up(loaded: None) -> Callable[..., OAuthApp]:
    """Registers the operator's OAuth app of a service."""

    def register(slug: str, **params: str) -> OAuthApp:
        return ensure_oauth_app(
            integration_slug=slug,
            client_id=f"client-of-{slug}",
            client_secret=secrets.token_urlsafe(24),
            params=params,
        )

    return register


@pytest.fixture
def connect(loaded: None) -> Callable[..., Connection]:
    """A connection of the member to a service, as if it had been made."""

    def made(membership: Membership, slug: str, *, shared: bool = False, **fields: Any) -> Connection:
        now = timezone.now()
        integration = Integration.objects.get(slug=slug, team=None)
        connection = Connection.objects.create(
            team=membership.team,
            owner=membership.user,
            integration=integration,
            oauth_app=integration.oauth_apps.filter(team=None).first(),
            name=fields.pop("name", "octocat"),
            status_changed_at=now,
            created_at=now,
            is_shared=shared,
            **fields,
        )
        if shared:
            ConnectionShare.objects.create(connection=connection)
        return connection

    return made
