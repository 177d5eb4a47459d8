"""Every route that takes an ID: a stranger gets the answer of what does not exist, and nothing changes.

The routes are read from the URL configuration, so that a new one fails here until somebody says what it guards.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.connections.models import AuthorizationAttempt, Connection
from apps.connections.services.bulk_jobs import start_job
from apps.connections.services.connect_sessions import SessionOptions, create_connect_session
from apps.integrations.models import CustomApi, Integration
from apps.notifications import webhooks
from apps.notifications.models import Event
from apps.teams.models import ApiKey, Membership, Role
from apps.teams.services import invitations
from apps.web import problems
from tests import factories
from tests.connections import pages
from tests.integrations.custom import DESCRIBED
from tests.permissions.cast import refused

pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]

METHODS = ("get", "post", "put", "patch", "delete")
# One-time links to a mailbox: the holder is the person whom it was sent to, in any team.
LINKS_OF_MAILS = {"account_confirm_email", "account_reset_password_from_key", "connections:connect_link"}
# What is sent through it is a matter of the service's; who may send is tested in `tests/permissions`.
PASSED_ON = {"api:connection_proxy"}
# Texts that are the same for everyone.
PUBLIC = {"web:help_topic"}
ONLY_POST = {
    "api:connection_check",
    "connections:ask",
    "connections:ask_owner",
    "connections:check",
    "connections:first_steps",
    "connections:key_end",
    "integrations:ask_for",
    "api:connections_check",
    "api:api_key_rotate",
    "api:browser_tokens",
    "api:integration_check",
    "api:integration_oauth_app_test",
    "api:webhook_redeliver",
    "api:webhook_replay",
    "api:webhook_test",
    "integrations:custom_register",
    "integrations:custom_offline_access",
    "notifications:redeliver",
    "notifications:replay",
    "notifications:rotate",
    "notifications:switch",
    "notifications:test",
    "teams:switch",
    "integrations:test_app",
    "teams:revoke_invitation",
    "connections:connect",
    "connections:cancel",
    "connections:cancel_bulk_job",
    "connections:continue",
    "connections:decide",
    "connections:choose",
    "connections:refresh",
    "connections:disconnect_selected",
    "connections:hand_over_selected",
    "connections:refresh_selected",
    "connections:check_selected",
    "connections:share_selected",
    "connections:reconnect",
    "api:connection_token",
    "api:connection_refresh",
    "api:integrations_import",
    "api:preflight",
    "api:tokens",
}


@dataclass(frozen=True)
class Route:
    name: str
    path: str
    takes: tuple[str, ...]


def routes(resolver: URLResolver | None = None, name: str = "", path: str = "/") -> Iterator[Route]:
    """Every route of the product, by its full name, with the arguments that it takes."""
    for pattern in (resolver or get_resolver()).url_patterns:
        whole = path + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            space = f"{name}{pattern.namespace}:" if pattern.namespace else name
            yield from routes(pattern, space, whole)
        elif isinstance(pattern, URLPattern):
            groups = getattr(pattern.pattern.regex, "groupindex", {})
            yield Route(name + (pattern.name or ""), whole, tuple(groups))


def of_the_product() -> list[Route]:
    return [route for route in routes() if not route.path.startswith("/admin/")]


@dataclass
class World:
    """A team with one of each thing, and a stranger who owns another team."""

    owner: Membership
    stranger: Membership
    things: dict[str, dict[str, Any]]
    connections: list[Connection]
    attempt: AuthorizationAttempt
    state: str

    def addresses(self) -> dict[str, str]:
        return {name: reverse(name, kwargs=arguments) for name, arguments in self.things.items()}


ROUTES_OF_A_CONNECTION = (
    "connections:refresh",
    "connections:reconnect",
    "connections:disconnect",
    "connections:key",
    "connections:values",
    "connections:site",
    "connections:connection",
    "connections:permissions",
    "connections:activity",
    "connections:rename",
    "connections:sharing",
    "connections:hand_over",
    "connections:trace",
    "connections:check",
    "connections:ask",
    "connections:ask_owner",
    "connections:key_end",
)
API_ROUTES_OF_A_CONNECTION = (
    "api:connection",
    "api:connection_token",
    "api:connection_refresh",
    "api:connection_sharing",
    "api:connection_workflows",
    "api:connection_usage",
    "api:connection_check",
)
ROUTES_OF_AN_ATTEMPT = (
    "connections:attempt",
    "connections:cancel",
    "connections:continue",
    "connections:decide",
    "connections:choose",
)
ROUTES_OF_AN_INTEGRATION = (
    "connections:connect",
    "connections:connect_key",
    "connections:service",
    "connections:api_trace",
    "integrations:custom_overview",
    "integrations:custom_authentication",
    "integrations:custom_operations",
    "integrations:custom_callback",
    "integrations:custom_delete",
    "integrations:custom_check",
    "integrations:ask_for",
    "integrations:custom_register",
    "integrations:custom_offline_access",
    "integrations:custom_param_new",
    "integrations:app",
    "integrations:test_app",
    "integrations:remove_app",
    "api:integration",
    "api:integration_check",
    "api:integration_oauth_app",
    "api:integration_oauth_app_test",
)
ROUTES_OF_A_WEBHOOK = (
    "api:webhook",
    "api:webhook_test",
    "api:webhook_deliveries",
    "api:webhook_replay",
    "notifications:webhook",
    "notifications:rotate",
    "notifications:switch",
    "notifications:test",
    "notifications:replay",
    "notifications:remove",
)
ROUTES_OF_A_DELIVERY = ("api:webhook_redeliver", "notifications:delivery", "notifications:redeliver")


@pytest.fixture
def statuses_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests in which nearly all requests are refused."""
    monkeypatch.setattr(problems, "render", refused)


@pytest.fixture
def world() -> World:
    owner = factories.make_member(role=Role.OWNER)
    stranger = factories.make_member(factories.make_team("Elsewhere"), Role.OWNER)
    service = pages.set_up_service()
    personal, shared = pages.make_connection(owner, service), pages.make_connection(owner, service, name="Grace")
    pages.share(shared, level="manage")
    attempt, state = pages.start_flow(factories.client_for(owner))
    things = (
        things_of_the_connections(owner, personal, shared)
        | {route: {"attempt_id": attempt.pk} for route in ROUTES_OF_AN_ATTEMPT}
        | things_of_the_custom_api(owner)
        | things_of_the_team(owner)
        | things_of_a_webhook(owner)
    )
    return World(owner, stranger, things, [personal, shared], attempt, state)


def things_of_the_connections(owner: Membership, personal: Connection, shared: Connection) -> dict[str, dict[str, Any]]:
    actor = factories.actor_for(owner)
    job = start_job(actor=actor, action="disconnect", connections=[personal.pk])
    link = create_connect_session(
        actor=actor, integration=personal.integration, options=SessionOptions(scopes=["profile"])
    )
    return {
        **{route: {"connection_id": personal.pk} for route in ROUTES_OF_A_CONNECTION},
        **{route: {"pk": shared.pk} for route in API_ROUTES_OF_A_CONNECTION},
        **{route: {"pk": job.pk} for route in ("api:bulk_job", "api:bulk_job_results")},
        **{f"connections:{route}": {"job_id": job.pk} for route in ("bulk_job", "cancel_bulk_job")},
        "api:connect_session": {"pk": link.session.pk},
        "connections:connect_done": {"session_id": link.session.pk},
    }


def things_of_the_custom_api(owner: Membership) -> dict[str, dict[str, Any]]:
    own = Integration.objects.create(slug="fleet", name="Fleet", category="other", team=owner.team, **DESCRIBED)
    asked = {"name": "depot", "label": "Depot", "pattern": "north|south", "example": "north", "source": "user"}
    CustomApi.objects.create(integration=own, base_url="https://api.fleet.example", params=[asked])
    return {
        **{route: {"slug": own.slug} for route in ROUTES_OF_AN_INTEGRATION},
        "connections:own_callback": {"callback_id": own.pk},
        "connections:nested_callback": {"callback_id": own.pk},
        "integrations:custom_param": {"slug": own.slug, "name": "depot"},
    }


def things_of_the_team(owner: Membership) -> dict[str, dict[str, Any]]:
    actor, member = factories.actor_for(owner), {"pk": factories.make_member(owner.team).pk}
    key, _ = factories.make_key(owner)
    # Made lately: nothing is noted about its use.
    ApiKey.objects.update(last_used_at=timezone.now())
    (issued,) = invitations.invite(actor=actor, emails=["new@fernhill.example"], role=Role.MEMBER)
    return {
        "teams:accept_invitation": {"token": issued.link.rstrip("/").rpartition("/")[2]},
        "teams:change_role": member,
        "connections:remove_member": member,
        "teams:revoke_invitation": {"pk": issued.invitation.pk},
        "teams:revoke_api_key": {"pk": key.pk},
        "api:api_key_rotate": {"pk": key.pk},
        "api:api_key": {"pk": key.pk},
    }


def things_of_a_webhook(owner: Membership) -> dict[str, dict[str, Any]]:
    actor = factories.actor_for(owner)
    webhook = webhooks.create_webhook(actor=actor, url="https://hooks.fernhill.example/x", events=Event.values).webhook
    delivery, hook = webhooks.send_test(actor=actor, webhook_id=webhook.pk), {"pk": webhook.pk}
    return {
        **dict.fromkeys(ROUTES_OF_A_WEBHOOK, hook),
        **dict.fromkeys(ROUTES_OF_A_DELIVERY, hook | {"delivery_id": delivery.pk}),
    }


def everything() -> dict[str, list[str]]:
    """All rows of the product's own tables, but for the log."""
    tables = [
        name
        for name in database.introspection.table_names()
        if name.startswith(("connections_", "integrations_", "notifications_", "teams_"))
    ]
    with database.cursor() as cursor:
        found = {}
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - the names are the schema's own
            found[table] = sorted(repr(_without_last_login(cursor, row)) for row in cursor.fetchall())
    return found


def _without_last_login(cursor: Any, row: tuple[Any, ...]) -> list[Any]:
    values = zip((column[0] for column in cursor.description), row, strict=True)
    return [bytes(value) if isinstance(value, memoryview) else value for name, value in values if name != "last_login"]


def test_this_test_knows_every_route_that_takes_an_id(world: World) -> None:
    taking = {route.name for route in of_the_product() if route.takes}
    assert taking == set(world.things) | LINKS_OF_MAILS | PASSED_ON | PUBLIC


def answers(client: Client, url: str, *, headers: dict[str, str] | None = None) -> dict[str, int]:
    """The status for each method. What is sent is of the type that the address takes: JSON for the API, else a form."""
    return {method: send(client, method, url, headers=headers).status_code for method in METHODS}


def send(client: Client, method: str, url: str, **more: Any) -> Any:
    if method != "get" and url.startswith("/api/"):
        more["content_type"] = "application/json"
    return getattr(client, method)(url, **more)


# Holders of an invitation's link may read it, and see that it is for somebody else. A callback is bad input to all.
OTHER_ANSWERS = {
    "teams:accept_invitation": {200, 403, 405},
    "connections:own_callback": {400, 405},
    "connections:nested_callback": {400, 405},
}


@pytest.mark.usefixtures("statuses_only")
def test_a_signed_in_stranger_finds_nothing_and_changes_nothing(world: World) -> None:
    client = factories.client_for(world.stranger)
    before = everything()
    for name, url in world.addresses().items():
        given = answers(client, url)
        assert set(given.values()) <= OTHER_ANSWERS.get(name, {404, 405}), (name, given)
        assert name in OTHER_ANSWERS or 404 in given.values(), (name, given)
        assert everything() == before, name
    of_team = AuditEvent.objects.filter(team_id=world.owner.team_id, actor_id=str(world.stranger.user_id))
    assert not of_team.exists()


@pytest.mark.parametrize("kind", ApiKey.Kind.values)
def test_a_strangers_api_key_finds_nothing_and_changes_nothing(world: World, kind: str) -> None:
    _, text = factories.make_key(world.stranger, ApiKey.Kind(kind))
    ApiKey.objects.update(last_used_at=timezone.now() + timedelta(minutes=5))
    before = everything()
    for name, url in world.addresses().items():
        if not name.startswith("api:"):
            continue
        headers = {"Authorization": f"Bearer {text}"}
        given = answers(Client(), url, headers=headers)
        assert set(given.values()) == {404, 405}, (name, given)
        assert everything() == before, name
    assert Client().get(reverse("api:connections"), headers=headers).json()["results"] == []


def test_ids_in_a_form_reach_no_further_than_those_in_an_address(world: World) -> None:
    client = factories.client_for(world.stranger)
    before = everything()
    assert client.post(reverse("teams:switch"), {"team": world.owner.team_id}).status_code == 404
    ticked = [str(connection.pk) for connection in world.connections]
    client.post(reverse("connections:refresh_selected"), {"id": ticked})
    foreign = {"state": world.state, "code": "C", "iss": "https://sandbox.example"}
    assert client.get(reverse("connections:callback"), foreign).status_code == 400
    assert everything() == before
    # Connecting in the place of somebody else's flow leaves that flow alone.
    pages.start_flow(client, instead_of=str(world.attempt.pk))
    world.attempt.refresh_from_db()
    assert world.attempt.status == AuthorizationAttempt.Status.PENDING


def test_a_filter_by_an_id_of_another_team_finds_nothing(world: World) -> None:
    client = factories.client_for(world.stranger)
    for name in ("connections:list", "audit:list", "connections:plugins", "teams:members", "teams:api_keys"):
        shown = client.get(reverse(name), {"owner": str(world.owner.user_id), "integration": "sandbox", "new": "x"})
        assert shown.status_code == 200
        for thing in (world.owner.user.email, *(str(connection.pk) for connection in world.connections)):
            assert thing not in shown.content.decode(), name


def test_reading_changes_nothing_and_what_changes_something_is_not_read(world: World) -> None:
    client = factories.client_for(world.owner)
    addresses = world.addresses() | {route.name: reverse(route.name) for route in of_the_product() if not route.takes}
    before, events = everything(), AuditEvent.objects.count()
    given = {name: client.get(url).status_code for name, url in addresses.items()}
    assert {name for name, status in given.items() if status == 405} == ONLY_POST
    assert {name: status for name, status in given.items() if status >= 500} == {}
    assert everything() == before
    assert client.get(reverse("web:account")).status_code in (200, 302)
    assert client.session.get("_auth_user_id") == str(world.owner.user_id)
    # Callbacks without a state are rejected: at the common address, at one of an app, and at an earlier one of an app.
    written = AuditEvent.objects.order_by("-pk")[: AuditEvent.objects.count() - events]
    assert [event.action for event in written] == ["authorization.rejected"] * 3


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.usefixtures("statuses_only")
def test_without_a_csrf_token_nothing_is_taken(world: World, method: str) -> None:
    client = factories.client_for(world.owner, enforce_csrf_checks=True)
    addresses = world.addresses() | {route.name: reverse(route.name) for route in of_the_product() if not route.takes}
    before, events = everything(), AuditEvent.objects.count()
    for name, url in addresses.items():
        assert send(client, method, url).status_code == 403, name
    assert everything() == before
    assert AuditEvent.objects.count() == events


# Signing in and out and changing one's password are everybody's own.
ALL_PEOPLE = ("/admin/login/", "/admin/logout/", "/admin/password_change/", "/admin/password_change/done/")


def test_the_administration_asks_everybody_but_operators_to_sign_in(world: World) -> None:
    client = factories.client_for(world.owner)
    for route in routes():
        if not route.path.startswith("/admin/"):
            continue
        url = re.sub(r"<[^>]+>", "1", route.path)
        if "(?P" in url or route.path in ALL_PEOPLE:
            continue
        answer = client.get(url)
        assert answer.status_code in (302, 403), (url, answer.status_code)
        assert answer.status_code == 403 or "login" in answer["Location"], url
