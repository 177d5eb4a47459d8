"""The actors of the permission table, and an object for each route."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.test.client import ClientHandler
from django.urls import reverse
from django.utils import timezone

from apps.connections.models import Connection, ConnectionShare, Level
from apps.connections.services.bulk_jobs import start_job
from apps.connections.services.connect_sessions import SessionOptions, create_connect_session
from apps.integrations.custom_apis.services.apis import create_custom_api
from apps.integrations.models import Integration
from apps.notifications import webhooks
from apps.notifications.models import Event
from apps.teams.models import ApiKey, Membership, Role
from apps.teams.services import invitations
from tests import factories
from tests.connections import pages

# The table's columns. `owner` owns the connection and is a plain member; `boss` owns the team; `member` has no
# share; `stranger` owns another team; `key` is the owner's personal key with every scope; each service key has one.
PEOPLE = ("owner", "boss", "admin", "manager", "viewer", "user", "member", "stranger")
SCOPES = (
    "connections:read",
    "connections:use",
    "connections:token",
    "connections:write",
    "audit:read",
    "members:read",
    "integrations:write",
    "webhooks:write",
    "oauth-apps:write",
)
SERVICE_KEYS = tuple(f"service {scope}" for scope in SCOPES)
KEYS = ("key", *SERVICE_KEYS)
ACTORS = (*PEOPLE, *KEYS, "anonymous")

# Routes of the custom API and of the webhook.
CUSTOM_PAGES = (
    "overview",
    "authentication",
    "operations",
    "callback",
    "delete",
    "check",
    "register",
    "offline_access",
    "param_new",
)
WEBHOOK_PAGES = ("webhook", "rotate", "switch", "test", "replay", "remove")
WEBHOOK_ROUTES = (
    "api:webhook",
    "api:webhook_test",
    "api:webhook_deliveries",
    "api:webhook_replay",
    *(f"notifications:{page}" for page in WEBHOOK_PAGES),
)

Send = Callable[..., Any]


@dataclass
class World:
    """The objects of the routes. Service keys, which cannot be named in shares, have their own connection, which is
    shared with everyone at the level Manage."""

    members: dict[str, Membership]
    texts: dict[str, str]
    connection: Connection
    for_services: Connection
    things: dict[str, dict[str, Any]]
    sessions: dict[str, str] = field(default_factory=dict)
    # One for all clients: each would put the middleware together again.
    handler: ClientHandler = field(default_factory=lambda: ClientHandler(enforce_csrf_checks=False))

    def address(self, route: str, takes: tuple[str, ...], actor: str) -> str:
        """The route's URL for this actor. Its arguments are looked up by the route's name or the first argument's."""
        if not takes:
            return reverse(route)
        connection = self.for_services if actor in SERVICE_KEYS else self.connection
        if "connection_id" in takes:
            return reverse(route, args=[connection.pk])
        if route.startswith("api:connection") and takes[0] == "pk":
            return reverse(route, kwargs={name: connection.pk if name == "pk" else "me" for name in takes})
        return reverse(route, kwargs=self.things.get(route) or self.things[takes[0]])

    def visit(self, actor: str) -> Send:
        """A function that sends a request as this actor."""
        if actor in PEOPLE:
            return self._browser(actor).generic
        if actor in KEYS:
            return self._client(headers={"Authorization": f"Bearer {self.texts[actor]}"}).generic
        return self._client().generic

    def _browser(self, actor: str) -> Client:
        """A signed-in client. The session is created once, since requests are rolled back."""
        if actor not in self.sessions:
            self.sessions[actor] = factories.client_for(self.members[actor]).cookies[settings.SESSION_COOKIE_NAME].value
        browser = self._client()
        browser.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[actor]
        return browser

    def _client(self, **options: Any) -> Client:
        client = Client(**options)
        client.handler = self.handler
        return client


def make_world() -> World:
    boss = factories.make_member(role=Role.OWNER, user=factories.make_user("Boss"))
    team = boss.team
    members = {"boss": boss, "stranger": factories.make_member(factories.make_team("Elsewhere"), Role.OWNER)}
    members["admin"] = factories.make_member(team, Role.ADMIN, user=factories.make_user("Admin"))
    for name in ("owner", "manager", "viewer", "user", "member"):
        members[name] = factories.make_member(team, user=factories.make_user(name.title()))
    service = pages.set_up_service()
    connection = pages.make_connection(members["owner"], service, "By name")
    Connection.objects.filter(pk=connection.pk).update(is_shared=True)
    for name, level in (("manager", Level.MANAGE), ("viewer", Level.VIEW), ("user", Level.USE)):
        ConnectionShare.objects.create(connection=connection, user=members[name].user, level=level)
    for_services = pages.make_connection(members["admin"], service, "With everyone")
    pages.share(for_services, level="manage")
    own_key, text = factories.make_key(members["owner"])
    texts = {"key": text}
    for scope in SCOPES:
        texts[f"service {scope}"] = factories.make_key(boss, ApiKey.Kind.SERVICE, scopes=[scope], name=scope)[1]
    ApiKey.objects.update(last_used_at=timezone.now())
    world = World(members, texts, connection, for_services, _things(members, own_key.pk))
    for actor in PEOPLE:
        # The session and the place where it is used are stored here, not in each request that is rolled back.
        world.visit(actor)("GET", reverse("web:account"))
    return world


def _things(members: dict[str, Membership], key_id: UUID) -> dict[str, dict[str, Any]]:
    """Arguments by the route's name, or by the name of its first argument."""
    boss, owner = members["boss"], members["owner"]
    attempt, _ = pages.start_flow(factories.client_for(owner))
    actor = factories.actor_for(boss)
    asked = {"name": "depot", "label": "Depot", "pattern": "north|south", "example": "north"}
    fleet = create_custom_api(
        actor=actor, name="Fleet", base_url="https://api.fleet.example", params=[asked]
    ).integration
    link = create_connect_session(
        actor=actor,
        integration=Integration.objects.get(slug="sandbox"),
        member=owner.user,
        options=SessionOptions(scopes=["profile"]),
    )
    (issued,) = invitations.invite(actor=actor, emails=["new@fernhill.example"], role=Role.MEMBER)
    about_member = {"pk": members["member"].pk}
    return {
        "slug": {"slug": "sandbox"},
        "attempt_id": {"attempt_id": attempt.pk},
        "callback_id": {"callback_id": fleet.pk},
        "integration_id": {"integration_id": fleet.pk},
        "token": {"token": issued.link.rstrip("/").rpartition("/")[2]},
        "teams:change_role": about_member,
        "connections:remove_member": about_member,
        "teams:revoke_invitation": {"pk": issued.invitation.pk},
        "teams:revoke_api_key": {"pk": key_id},
        **{route: {"pk": key_id} for route in ("api:api_key", "api:api_key_rotate")},
        **{
            route: {"slug": fleet.slug}
            for route in ("api:integration", "api:integration_check", "connections:api_trace")
        },
        **{f"integrations:custom_{page}": {"slug": fleet.slug} for page in CUSTOM_PAGES},
        "integrations:custom_param": {"slug": fleet.slug, "name": "depot"},
        **_webhook(boss),
        "connections:connect_link": {"token": link.url.rstrip("/").rpartition("/")[2]},
        "connections:connect_done": {"session_id": link.session.pk},
        "api:connect_session": {"pk": link.session.pk},
        **_jobs(owner),
    }


def _jobs(owner: Membership) -> dict[str, dict[str, Any]]:
    return {
        **{route: {"pk": _job(owner)} for route in ("api:bulk_job", "api:bulk_job_results")},
        **{f"connections:{route}": {"job_id": _job(owner)} for route in ("bulk_job", "cancel_bulk_job")},
    }


def _job(owner: Membership) -> UUID:
    return start_job(actor=factories.actor_for(owner), action="disconnect", connections=[uuid4()]).pk


def _webhook(boss: Membership) -> dict[str, dict[str, Any]]:
    actor = factories.actor_for(boss)
    webhook = webhooks.create_webhook(actor=actor, url="https://hooks.fernhill.example/x", events=Event.values).webhook
    delivery = webhooks.send_test(actor=actor, webhook_id=webhook.pk)
    return {
        **{route: {"pk": webhook.pk} for route in WEBHOOK_ROUTES},
        **{
            route: {"pk": webhook.pk, "delivery_id": delivery.pk}
            for route in ("notifications:redeliver", "notifications:delivery", "api:webhook_redeliver")
        },
    }


def refused(request: HttpRequest, template: str, context: dict[str, Any], *, status: int) -> HttpResponse:
    """Instead of the page for a refusal, which tests/web/test_problems.py looks at."""
    return HttpResponse(status=status)
