"""Connect sessions that request sharing, and how sessions end: declined, canceled, expired, failed."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client

from apps.connections.models import AuthorizationAttempt, Connection, ConnectSession, Level
from apps.connections.services.attempt_expiry import expire_attempts
from apps.connections.services.share import share
from apps.integrations.models import Integration, OAuthApp
from apps.notifications import webhooks
from apps.notifications.models import Delivery, Event
from apps.sql import Now
from apps.teams.models import ApiKey
from tests.authserver import AuthServer
from tests.connections.test_api import Caller, caller
from tests.connections.test_connect_sessions import URL, ask, click, link_for, open_callback, service, state_of
from tests.factories import client_for
from tests.fixtures.connections import Cast, ConnectFlow, actions

__all__ = ["service"]

pytestmark = pytest.mark.django_db
RETURN_URL = "https://app.example.com/back"


@pytest.fixture(autouse=True)
def return_origin(settings: Any) -> None:
    settings.CONNECT_RETURN_ORIGINS = ["https://app.example.com"]


@pytest.fixture
def reported(cast: Cast, integration: Integration) -> Any:
    """Called: the events of connect sessions so far, with their data."""
    webhooks.create_webhook(actor=cast.actor("admin"), url="https://hooks.example.com/", events=Event.values)

    def events() -> list[tuple[str, dict[str, Any]]]:
        messages = Delivery.objects.filter(event__startswith="connect_session.").order_by("created_at", "pk")
        return [(one.event, json.loads(one.body)["data"]) for one in messages]

    return events


def answer(browser: Client, server: AuthServer, path: str, share_it: str) -> None:
    """The person answers the question about sharing and consents at the service."""
    page = browser.post(path, {"share": share_it})
    assert page.status_code == 302, page.content.decode()
    asked = parse_qs(urlsplit(page.headers["Location"]).query)
    open_callback(browser, server, {name: values[0] for name, values in asked.items()})


def connect(cast: Cast, server: AuthServer, who: Caller, share_it: str, level: str = "use") -> dict[str, Any]:
    session, path = link_for(who, cast.member, sharing={"level": level}, return_url=RETURN_URL)
    answer(client_for(cast.member), server, path, share_it)
    return state_of(who, session)


def test_the_key_that_requested_sharing_finds_the_connection(
    server: AuthServer, integration: Integration, cast: Cast, service: Caller
) -> None:
    state = connect(cast, server, service, "yes")
    assert (state["status"], state["sharing"]) == (
        "connected",
        {"level": "use", "members": [], "accepted": True},
    )
    listed = service.get("/api/v1/connections/").json()["results"]
    assert [row["id"] for row in listed] == [state["connection"]]
    assert service.get(f"/api/v1/connections/{state['connection']}/").json()["permission"] == "use"
    assert actions("connection.shared") == ["connection.shared"]


def test_a_person_who_declines_sharing_is_connected_for_themselves(
    server: AuthServer, integration: Integration, cast: Cast, service: Caller, reported: Any
) -> None:
    state = connect(cast, server, service, "no")
    assert (state["status"], state["sharing"]["accepted"]) == ("connected_personal", False)
    assert "personal" in state["detail"]
    assert service.get(f"/api/v1/connections/{state['connection']}/").status_code == 404
    assert not Connection.objects.get().is_shared
    assert [(event, data["status"]) for event, data in reported()] == [
        ("connect_session.connected", "connected_personal")
    ]


def test_a_session_can_ask_to_share_with_members_only(
    server: AuthServer, integration: Integration, cast: Cast, service: Caller
) -> None:
    asked = {"level": "view", "members": [cast.admin.user.email.upper(), str(cast.owner.user_id)]}
    session, path = link_for(service, cast.member, sharing=asked)
    page = client_for(cast.member).get(path).content.decode()
    assert "Share it with Ada Admin, Olga Owner?" in page
    assert "but not by service keys" in page
    assert "all members of the team" not in page
    answer(client_for(cast.member), server, path, "yes")
    state = state_of(service, session)
    assert state["status"] == "connected"
    assert set(state["sharing"]["members"]) == {str(cast.admin.user_id), str(cast.owner.user_id)}
    shares = Connection.objects.get().shares
    assert set(shares.values_list("user", "level")) == {(cast.admin.user_id, "view"), (cast.owner.user_id, "view")}
    assert service.get(f"/api/v1/connections/{state['connection']}/").status_code == 404


def test_earlier_and_higher_shares_stay_when_a_session_shares_with_members(
    connect_flow: ConnectFlow, server: AuthServer, integration: Integration, cast: Cast, service: Caller
) -> None:
    connection = connect_flow.connect(cast.actor("member"))
    members = {cast.admin.user_id: Level.MANAGE}
    share(actor=cast.actor("member"), connection=connection, everyone=None, members=members)
    asked = {"level": "use", "members": [str(cast.admin.user_id), str(cast.owner.user_id)]}
    session, path = link_for(service, cast.member, sharing=asked)
    cast.owner.delete()  # a member who leaves meanwhile gets nothing
    answer(client_for(cast.member), server, path, "yes")
    assert state_of(service, session)["status"] == "connected"
    assert set(connection.shares.values_list("user", "level")) == {(cast.admin.user_id, "manage")}


@pytest.mark.parametrize("who", ["nothing@fernhill.example", "stranger", "member", ""])
def test_a_session_shares_only_with_other_members_of_the_team(
    integration: Integration, cast: Cast, service: Caller, who: str
) -> None:
    text = str(getattr(cast, who).user_id) if who in ("stranger", "member") else who
    refused = ask(service, member=str(cast.member.user_id), sharing={"members": [text]})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"].startswith("sharing.members")


def test_the_page_says_who_will_be_able_to_use_it_and_requires_an_answer(
    integration: Integration, cast: Cast, service: Caller
) -> None:
    _, path = link_for(service, cast.member, sharing={"level": "manage"})
    browser = client_for(cast.member)
    page = browser.get(path).content.decode()
    assert "all members of the team" in page
    assert "service keys" in page
    assert "edit, reconnect, share and disconnect" in page
    unanswered = browser.post(path)
    assert unanswered.status_code == 400
    assert "Choose whether to share" in unanswered.content.decode()
    assert ConnectSession.objects.get().used_at is None


def test_without_the_request_nothing_is_shared(
    server: AuthServer, integration: Integration, cast: Cast, service: Caller
) -> None:
    session, path = link_for(service, cast.member)
    browser = client_for(cast.member)
    assert "Share it with" not in browser.get(path).content.decode()
    answer(browser, server, path, "yes")
    assert state_of(service, session)["status"] == "connected"
    assert not Connection.objects.get().is_shared


def test_an_account_connected_already_is_shared_and_gives_an_event(
    server: AuthServer, connect_flow: ConnectFlow, cast: Cast, service: Caller, reported: Any
) -> None:
    existing = connect_flow.connect(cast.actor("member"), scopes=["profile"])
    share(actor=cast.actor("member"), connection=existing, everyone=None, members={cast.owner.user_id: Level.MANAGE})
    session, path = link_for(service, cast.member, sharing={"level": "view"}, scopes=["profile"])
    answer(client_for(cast.member), server, path, "yes")
    assert state_of(service, session)["connection"] == str(existing.pk)
    assert sorted(existing.shares.values_list("level", flat=True)) == ["manage", "view"]
    assert [(event, data["connection"]) for event, data in reported()] == [
        ("connect_session.connected", str(existing.pk))
    ]


def test_a_higher_level_is_not_lowered(
    server: AuthServer, connect_flow: ConnectFlow, cast: Cast, service: Caller
) -> None:
    existing = connect_flow.connect(cast.actor("member"), scopes=["profile"])
    share(actor=cast.actor("member"), connection=existing, everyone=Level.MANAGE)
    session, path = link_for(service, cast.member, sharing={}, scopes=["profile"])
    answer(client_for(cast.member), server, path, "no")
    assert state_of(service, session)["status"] == "connected"
    assert list(existing.shares.values_list("level", flat=True)) == ["manage"]


def test_declining_on_the_page_leads_back_with_the_status(
    integration: Integration, cast: Cast, service: Caller, reported: Any
) -> None:
    session, path = link_for(service, cast.member, return_url=RETURN_URL)
    browser = client_for(cast.member)
    page = browser.get(browser.post(path, {"decline": "yes"}).headers["Location"]).content.decode()
    assert f"{RETURN_URL}?connect_session={session}&amp;status=declined&amp;code=declined" in page
    assert (state_of(service, session)["status"], state_of(service, session)["code"]) == ("declined", "declined")
    assert browser.post(path).status_code == 410
    assert [(event, data["status"], data["connect_session"]) for event, data in reported()] == [
        ("connect_session.failed", "declined", session)
    ]


def test_a_denial_at_the_service_leads_back_with_the_status(
    server: AuthServer, integration: Integration, cast: Cast, service: Caller
) -> None:
    session, path = link_for(service, cast.member, return_url=RETURN_URL)
    browser = client_for(cast.member)
    denied = {"state": click(browser, path)["state"], "error": "access_denied", "iss": server.url}
    page = browser.get(f"/oauth/callback?{urlencode(denied)}")
    expected = f"{RETURN_URL}?connect_session={session}&amp;status=declined&amp;code=access_declined"
    assert expected in page.content.decode()
    assert "/continue/" in page.content.decode()


def test_another_try_ends_the_session_once_more(
    server: AuthServer, integration: Integration, cast: Cast, service: Caller, reported: Any
) -> None:
    session, path = link_for(service, cast.member)
    browser = client_for(cast.member)
    click(browser, path)
    # The first flow is replaced, so it is no failure.
    asked = click(browser, f"/connect/attempts/{AuthorizationAttempt.objects.get().pk}/continue/")
    assert reported() == []
    open_callback(browser, server, asked)
    assert [event for event, _ in reported()] == ["connect_session.connected"]
    assert state_of(service, session)["status"] == "connected"


def test_a_canceled_session_cannot_be_used(
    server: AuthServer, integration: Integration, cast: Cast, service: Caller, reported: Any
) -> None:
    session, path = link_for(service, cast.member)
    browser = client_for(cast.member)
    asked = click(browser, path)
    for _ in range(2):
        canceled = service.request("DELETE", f"{URL}{session}/")
        assert (canceled.status_code, canceled.json()["status"]) == (200, "canceled")
    open_callback(browser, server, asked)
    assert not Connection.objects.exists()
    assert [(event, data["status"]) for event, data in reported()] == [("connect_session.failed", "canceled")]
    _, other = link_for(service, cast.member)
    service.request("DELETE", f"{URL}{ConnectSession.objects.get(status='pending').pk}/")
    assert browser.post(other).status_code == 410


def test_a_completed_session_cannot_be_canceled(
    server: AuthServer, integration: Integration, cast: Cast, service: Caller
) -> None:
    session, path = link_for(service, cast.member)
    browser = client_for(cast.member)
    open_callback(browser, server, click(browser, path))
    refused = service.request("DELETE", f"{URL}{session}/")
    assert (refused.status_code, refused.json()["code"]) == (409, "connect_session_settled")


def test_unused_links_end_with_an_event(integration: Integration, cast: Cast, service: Caller, reported: Any) -> None:
    session, _ = link_for(service, cast.member)
    ConnectSession.objects.update(expires_at=Now() - timedelta(seconds=1))
    for _ in range(2):
        expire_attempts()
    assert [(event, data["status"], data["connect_session"]) for event, data in reported()] == [
        ("connect_session.failed", "expired", session)
    ]


def test_sessions_are_listed_for_those_who_may_see_them(integration: Integration, cast: Cast, service: Caller) -> None:
    first, _ = link_for(service, cast.member)
    second, _ = link_for(service, cast.owner)
    ConnectSession.objects.filter(pk=first).update(expires_at=Now() - timedelta(seconds=1))

    def ids(who: Caller, query: str = "") -> list[str]:
        found = who.get(f"{URL}{query}")
        assert found.status_code == 200, found.content
        return [row["id"] for row in found.json()["results"]]

    assert ids(service) == [second, first]
    assert ids(service, "?status=expired") == [first]
    assert ids(service, "?status=pending") == [second]
    assert ids(service, f"?member={cast.member.user_id}&integration=sandbox") == [first]
    assert ids(caller(cast.member)) == [first]
    assert ids(caller(cast.admin)) == [second, first]
    assert ids(caller(cast.stranger)) == []
    assert ids(caller(cast.admin, ApiKey.Kind.SERVICE)) == []


def test_a_session_for_an_app_that_the_service_rejects_is_refused(
    integration: Integration, cast: Cast, service: Caller
) -> None:
    OAuthApp.objects.update(broken_since=Now())
    refused = ask(service, member=str(cast.member.user_id))
    assert (refused.status_code, refused.json()["code"]) == (409, "integration_misconfigured")
    assert service.get("/api/v1/integrations/sandbox/").json()["is_misconfigured"] is True


def test_a_flow_that_cannot_start_is_a_failure_with_a_code(
    integration: Integration, cast: Cast, service: Caller
) -> None:
    session, path = link_for(service, cast.member, return_url=RETURN_URL)
    OAuthApp.objects.update(params={"origin": "http://127.0.0.1:99999"})
    page = client_for(cast.member).post(path)
    state = state_of(service, session)
    assert page.status_code == 409
    assert (state["status"], state["code"]) == ("failed", "integration_misconfigured")
    assert "status=failed&amp;code=integration_misconfigured" in page.content.decode()
