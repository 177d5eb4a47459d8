"""External IDs, tags and metadata: from a connect session to its connection and to every event; filters; members."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from apps.connections.models import Connection, Level
from apps.connections.services.share import share
from apps.integrations.models import Integration
from apps.notifications import webhooks
from apps.notifications.models import Delivery, Event
from apps.teams.models import ApiKey
from tests.authserver import AuthServer
from tests.connections.test_api import Caller, caller
from tests.connections.test_connect_sessions import URL, ask, click, link_for, open_callback, service
from tests.factories import client_for, make_member
from tests.fixtures.connections import Cast, ConnectFlow, actions

__all__ = ["service"]

pytestmark = pytest.mark.django_db
NAMES: dict[str, Any] = {"external_id": "cust-7", "tags": ["Blue", "crm"], "metadata": {"plan": {"seats": 3}}}


def test_names_go_from_the_session_to_the_connection_and_every_event(
    server: AuthServer, integration: Integration, cast: Cast, service: Caller
) -> None:
    webhooks.create_webhook(actor=cast.actor("admin"), url="https://hooks.example.com/", events=Event.values)
    session, path = link_for(service, cast.member, **NAMES)
    browser = client_for(cast.member)
    open_callback(browser, server, click(browser, path))
    found = caller(cast.member).get().json()["results"][0]
    assert {name: found[name] for name in NAMES} == NAMES
    bodies = [json.loads(one.body) for one in Delivery.objects.order_by("created_at", "pk")]
    assert [body["type"] for body in bodies] == ["connection.created", "connect_session.connected"]
    for body in bodies:
        assert {name: body["data"][name] for name in NAMES} == NAMES
        assert body["data"]["connect_session"] == session


def test_a_repair_replaces_only_the_names_that_its_session_has(
    server: AuthServer, connect_flow: ConnectFlow, cast: Cast
) -> None:
    connection = connect_flow.connect(cast.actor("member"))
    Connection.objects.update(external_id="old", tags=["kept"], metadata={"kept": True})
    created = caller(cast.member).post(URL, {"connection": str(connection.pk), "external_id": "new"}).json()
    browser = client_for(cast.member)
    open_callback(browser, server, click(browser, "/" + created["url"].split("/", 3)[3]))
    connection.refresh_from_db()
    assert (connection.external_id, connection.tags, connection.metadata) == ("new", ["kept"], {"kept": True})


def test_lists_are_filtered_by_names(connect_flow: ConnectFlow, cast: Cast, service: Caller) -> None:
    actor = cast.actor("member")
    first, second = connect_flow.connect(actor), connect_flow.connect(actor, subject="bob")
    Connection.objects.filter(pk=first.pk).update(external_id="a", tags=["Blue", "crm", "50%"])
    Connection.objects.filter(pk=second.pk).update(external_id="b", tags=["blue"], metadata={"x": "crm"})
    mine = caller(cast.member)

    def ids(query: str) -> list[str]:
        found = mine.get(f"/api/v1/connections/?{query}")
        assert found.status_code == 200, found.content
        return [row["id"] for row in found.json()["results"]]

    assert ids("tags=Blue") == [str(first.pk)]
    assert ids("tags=blue") == [str(second.pk)]
    assert ids("tags=Blue,crm") == [str(first.pk)]
    assert ids("tags=Blue,blue") == []
    assert ids("tags=" + quote("50%")) == [str(first.pk)]
    assert ids("external_id=b") == [str(second.pk)]
    assert ids(f"id={second.pk},{first.pk}") == [str(second.pk), str(first.pk)]
    assert ids("account=" + quote(second.account_subject)) == [str(second.pk)]
    assert mine.get("/api/v1/connections/?id=x").status_code == 400
    link_for(service, cast.member, **NAMES)
    link_for(service, cast.member)
    assert len(service.get(f"{URL}?tags=crm").json()["results"]) == 1
    assert len(service.get(f"{URL}?external_id=cust-7").json()["results"]) == 1


def test_names_change_for_those_who_manage_the_connection(connection: Connection, cast: Cast) -> None:
    share(actor=cast.actor("member"), connection=connection, everyone=Level.USE)
    path = f"/api/v1/connections/{connection.pk}/"
    assert caller(make_member(cast.team)).request("PATCH", path, NAMES).status_code == 403
    mine = caller(cast.member)
    for _ in range(2):
        changed = mine.request("PATCH", path, NAMES)
        assert {name: changed.json()[name] for name in NAMES} == NAMES
    assert mine.request("PATCH", path, {"tags": []}).json()["external_id"] == "cust-7"
    assert actions("connection.names_changed") == ["connection.names_changed"] * 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("external_id", "x" * 201),
        ("external_id", 7),
        ("tags", [str(number) for number in range(21)]),
        ("tags", ["a,b"]),
        ("tags", ["a\nb"]),
        ("tags", [""]),
        ("tags", "a"),
        ("metadata", []),
        ("metadata", {"x": "ä" * 4096}),
        ("metadata", {"x": "\0"}),
    ],
)
def test_names_that_are_too_long_or_of_another_type_are_refused(
    integration: Integration, cast: Cast, field: str, value: Any
) -> None:
    answer = ask(caller(cast.member), **{field: value})
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")
    assert answer.json()["errors"][0]["field"].startswith(field)


def test_members_are_listed_and_named_by_their_address(integration: Integration, cast: Cast, service: Caller) -> None:
    listed = service.get("/api/v1/members/").json()["results"]
    assert {row["email"]: row["role"] for row in listed} == {
        cast.owner.user.email: "owner",
        cast.admin.user.email: "admin",
        cast.member.user.email: "member",
    }
    assert [row["name"] for row in service.get("/api/v1/members/?search=mara").json()["results"]] == ["Mara Member"]
    assert len(service.get("/api/v1/members/?role=admin").json()["results"]) == 1
    assert ask(service, member=cast.member.user.email.upper()).json()["member"] == str(cast.member.user_id)
    for unknown in (cast.stranger.user.email, str(cast.stranger.user_id), "me"):
        refused = ask(service, member=unknown)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "member")
    narrow = caller(cast.admin, ApiKey.Kind.SERVICE, scopes=["connections:read"])
    assert narrow.get("/api/v1/members/").status_code == 403
