"""Internal hosts that the operator opened for built-in services or for one team: `EGRESS_ALLOWED_HOSTS` with limits."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

from apps import egress
from apps.connections.errors import ServiceUnavailable
from apps.connections.models import Connection
from apps.connections.services import check, refresh
from apps.connections.services.disconnect import disconnect
from apps.integrations.catalog.entries import catalog
from apps.integrations.catalog.rules import urls_of
from apps.integrations.custom_apis.doctor.check import check_configuration
from apps.integrations.custom_apis.services.apis import change_custom_api, create_custom_api
from apps.integrations.custom_apis.services.discovery import discovered
from apps.integrations.custom_apis.services.document_import import fetch_description, import_custom_api
from apps.integrations.errors import IntegrationMisconfigured, InvalidInput
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.oauth_apps.probe import probe_client
from apps.integrations.oauth_apps.team_apps import save_own_app
from apps.integrations.reach import has_fixed_hosts
from apps.notifications import delivery, webhooks
from apps.notifications.models import Event
from apps.teams.errors import InvalidRequest
from apps.teams.models import Team
from tests.authserver import AuthServer
from tests.connections.custom import Walker, describe
from tests.connections.test_api import caller
from tests.fixtures.connections import ORIGIN, Cast, ConnectFlow, expire, tokens_of
from tests.gateway.test_proxy import body_of, proxied

pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]


def limit(server: AuthServer, *limits: object) -> None:
    egress.configure(allowed_hosts=[f"{urlsplit(server.url).netloc}={limit}" for limit in limits])


def use_everything(connection: Connection, cast: Cast, server: AuthServer) -> None:
    """Every kind of request that a connection leads to."""
    actor = cast.actor("member")
    expire(connection)
    refresh.refresh(refresh.load(connection.pk), origin=ORIGIN)
    assert tokens_of(connection).version == 2
    connection = Connection.objects.with_details().get(pk=connection.pk)
    assert check.check(connection=connection, actor=actor).outcome is check.Outcome.WORKS
    program = caller(cast.member, scopes=["connections:use"])
    assert body_of(proxied(program, connection, "me")) != b""
    assert disconnect(actor=actor, connection=connection).revocation == "revoked"
    assert [family.revoked for family in server.grants.families] == [True]


def test_a_built_in_service_of_the_operator_reaches_its_host_in_every_way(
    server: AuthServer, connect_flow: ConnectFlow, cast: Cast
) -> None:
    limit(server, "built-in")
    assert probe_client(origin=ORIGIN, oauth_app=OAuthApp.objects.select_related("integration").get()).result == (
        "accepted"
    )
    use_everything(connect_flow.connect(cast.actor("member")), cast, server)


def test_a_host_of_built_in_services_is_closed_to_what_teams_enter(
    server: AuthServer, connect_flow: ConnectFlow, cast: Cast
) -> None:
    limit(server, "built-in")
    admin = cast.actor("admin")
    with pytest.raises(InvalidInput):
        create_custom_api(actor=admin, name="Hub", base_url=f"{server.url}/api")
    with pytest.raises(InvalidInput):
        connected_through_own_app(server, connect_flow.integration, cast)
    with pytest.raises(InvalidRequest):
        webhooks.create_webhook(actor=admin, url=f"{server.url}/hook", events=[Event.CREATED])
    assert server.arrivals == []


def connected_through_own_app(server: AuthServer, integration: Integration, cast: Cast) -> Connection:
    save_own_app(
        actor=cast.actor("admin"),
        integration=integration,
        client_id=server.client_id,
        client_secret=server.client_secret,
        params={"origin": server.url},
    )
    return ConnectFlow(server, integration).connect(cast.actor("member"))


def connected_custom_api(server: AuthServer, integration: Integration, cast: Cast) -> Connection:
    client = {"client_id": server.client_id, "client_secret": server.client_secret}
    api = describe(cast.actor("admin"), origin=server.url, token_url=f"{server.url}/o/token/", **client)
    return ConnectFlow(server, api.integration).connect(cast.actor("member"))


@pytest.mark.parametrize("connected", [connected_through_own_app, connected_custom_api])
def test_connections_made_before_the_limit_send_nothing_to_the_host(
    server: AuthServer, connect_flow: ConnectFlow, cast: Cast, connected: Callable[..., Connection]
) -> None:
    connection = connected(server, connect_flow.integration, cast)
    limit(server, "built-in")
    before = len(server.arrivals), len(server.journal.calls)
    program = caller(cast.member, scopes=["connections:use"])
    assert proxied(program, connection, "me")["Specway-Error"] == "destination_blocked"
    expire(connection)
    with pytest.raises((ServiceUnavailable, IntegrationMisconfigured)):
        refresh.refresh(refresh.load(connection.pk), origin=ORIGIN)
    assert (len(server.arrivals), len(server.journal.calls)) == before


def test_a_host_of_one_team_is_open_to_all_that_it_connects(server: AuthServer, cast: Cast) -> None:
    limit(server, uuid4(), cast.team.pk)
    admin = cast.actor("admin")
    api = describe(
        admin,
        origin=server.url,
        client_id=server.client_id,
        client_secret=server.client_secret,
        token_url=f"{server.url}/o/token/",
        revocation_url=f"{server.url}/o/revoke_token/",
    )
    check_configuration(actor=admin, api=api)
    assert server.arrivals != [], "the check of the configuration called it"
    walker = Walker(api, cast.actor("member"), lambda url: "")
    flow = walker.begin()
    connected = ConnectFlow(server, walker.integration)
    attempt = connected.complete(flow, connected.answer(flow), actor=cast.actor("member"))
    assert attempt.connection is not None
    use_everything(attempt.connection, cast, server)
    hook = webhooks.create_webhook(actor=admin, url=f"{server.url}/hook", events=[Event.CREATED])
    message = webhooks.send_test(actor=admin, webhook_id=hook.webhook.pk)
    delivery.deliver(message.pk)
    message.refresh_from_db()
    assert message.answered is not None, message.problem


@pytest.mark.parametrize("limited_to", ["built-in", "3f0c1b52-5d0e-4a51-9e0a-0f6f3c2b7d11"])
def test_a_host_of_others_is_refused_wherever_a_team_enters_a_url(
    server: AuthServer, cast: Cast, limited_to: str
) -> None:
    admin = cast.actor("admin")
    api = create_custom_api(actor=admin, name="Hub", base_url="https://api.hub.example")
    limit(server, limited_to)
    ways: list[Any] = [
        lambda: create_custom_api(actor=admin, name="Other", base_url=server.url),
        lambda: change_custom_api(actor=admin, api=api, base_url=server.url),
        lambda: discovered(actor=admin, url=server.url),
        lambda: fetch_description(actor=admin, url=f"{server.url}/openapi.json"),
        lambda: describe(admin, origin=server.url, client_id="x", client_secret="y"),
        lambda: webhooks.create_webhook(actor=admin, url=server.url, events=[Event.CREATED]),
    ]
    for way in ways:
        with pytest.raises(Exception, match=r".") as refused:
            way()
        assert getattr(refused.value, "status", 0) in (400, 422), refused.value
    document = b'{"openapi": "3.0.0", "info": {"title": "T", "version": "1"}, "paths": {}}'
    imported = import_custom_api(actor=admin, content=document, source="pasted", base_url=f"https://{uuid4()}.example")
    assert imported.pk
    assert server.arrivals == []


def test_hosts_are_fixed_where_only_the_catalog_or_an_operator_determines_them() -> None:
    for slug in catalog():
        _has_fixed_hosts_only_then(slug)


def _has_fixed_hosts_only_then(slug: str) -> None:
    entry, integration = catalog()[slug], Integration(slug=slug)
    requested = [url for key, url in urls_of(entry) if not key.startswith(("links.", "metadata."))]
    hosts = [re.split("[/?#]", url.removeprefix("https://"))[0] for url in requested]
    free = {name for host in hosts for name in re.findall(r"\{(\w+)\}", host)} - {
        param.name for param in entry.params if len(param.choices) > 1
    }
    by_app = {param.name for param in entry.params if param.source == "client"}
    assert has_fixed_hosts(integration, None) == (not free), slug
    assert has_fixed_hosts(integration, OAuthApp(integration=integration, team=Team())) == (not free), slug
    assert has_fixed_hosts(integration, OAuthApp(integration=integration)) == (not free - by_app), slug
    assert not has_fixed_hosts(Integration(slug=slug, team=Team()), OAuthApp(integration=integration)), slug


@pytest.mark.parametrize("entry", ["erp.internal=", "erp.internal=Fernhill", "erp.internal=built-in=x", "=built-in"])
def test_an_entry_with_another_limit_is_refused_at_the_start(settings: Any, entry: str) -> None:
    settings.EGRESS_ALLOWED_HOSTS = [entry]
    with pytest.raises(ImproperlyConfigured, match="EGRESS_ALLOWED_HOSTS: "):
        apps.get_app_config("web").ready()
