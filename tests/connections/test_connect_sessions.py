"""Connect sessions: a link for one member, which wants a login and a click, works once, and reports its result."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

import pytest
from django.core import mail
from django.test import Client

from apps.audit.models import AuditEvent
from apps.connections.models import AuthorizationAttempt, Connection, ConnectionShare, ConnectSession
from apps.integrations.models import Integration
from apps.sql import Now
from apps.teams.middleware import SESSION_TEAM
from apps.teams.models import ApiKey, Membership
from tests.authserver import AuthServer
from tests.connections.test_api import Caller, caller
from tests.factories import client_for, make_member, make_team
from tests.fixtures.connections import Cast, ConnectFlow, actions

pytestmark = pytest.mark.django_db
URL = "/api/v1/connect-sessions/"
NAMELESS: dict[str, Any] = {"external_id": "", "tags": [], "metadata": {}}


@pytest.fixture
def service(cast: Cast) -> Caller:
    return caller(cast.admin, ApiKey.Kind.SERVICE)


def ask(who: Caller, **body: Any) -> Any:
    return who.post(URL, {"integration": "sandbox"} | body)


def link_for(who: Caller, member: Membership, **body: Any) -> tuple[str, str]:
    """The session's ID and the path of its link."""
    answer = ask(who, member=str(member.user_id), **body)
    assert answer.status_code == 201, answer.content
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.json()["id"], urlsplit(answer.json()["url"]).path


def state_of(who: Caller, session: str) -> dict[str, Any]:
    answer = who.get(f"{URL}{session}/")
    assert answer.status_code == 200, answer.content
    body: dict[str, Any] = answer.json()
    return body


def click(browser: Client, path: str) -> dict[str, str]:
    """What the service's page is asked with after the click."""
    answer = browser.post(path)
    assert answer.status_code == 302, answer.content.decode()
    asked = parse_qs(urlsplit(answer.headers["Location"]).query)
    return {name: values[0] for name, values in asked.items()}


def open_callback(browser: Client, server: AuthServer, asked: dict[str, str], *, subject: str = "ada") -> Any:
    code = server.code_for(
        challenge=asked["code_challenge"],
        scopes=asked["scope"].split(),
        redirect_uri=asked["redirect_uri"],
        subject=subject,
    )
    return browser.get(f"/oauth/callback?{urlencode({'state': asked['state'], 'code': code, 'iss': server.url})}")


def test_a_member_connects_by_the_link_and_the_program_learns_of_it(
    integration: Integration, server: AuthServer, cast: Cast, service: Caller, settings: Any
) -> None:
    settings.CONNECT_RETURN_ORIGINS = ["https://app.example.com"]
    session, path = link_for(
        service,
        cast.member,
        scopes=["profile"],
        return_url="https://app.example.com/x?y=1",
        login_hint="ada@example.com",
    )
    assert state_of(service, session)["status"] == "pending"
    browser = client_for(cast.member)
    page = browser.get(path).content.decode()
    assert "https://app.example.com" in page
    assert "profile" in page
    asked = click(browser, path)
    assert (asked["scope"], asked["login_hint"]) == ("profile", "ada@example.com")
    assert state_of(service, session)["status"] == "pending"
    done = browser.get(open_callback(browser, server, asked).headers["Location"])
    connection = Connection.objects.get()
    times = {"created_at": "", "expires_at": "", "ended_at": ""}
    assert state_of(service, session) | times == times | NAMELESS | {
        "id": session,
        "status": "connected",
        "code": "",
        "detail": "",
        "integration": "sandbox",
        "connection": str(connection.pk),
        "member": str(cast.member.user_id),
        "scopes": ["profile"],
        "sharing": None,
        "mailed": False,
    }
    assert f"https://app.example.com/x?y=1&amp;connect_session={session}&amp;status=connected&amp;connection=" in (
        done.content.decode()
    )
    assert connection.owner_id == cast.member.user_id


def test_a_look_begins_nothing(integration: Integration, cast: Cast, service: Caller) -> None:
    session, path = link_for(service, cast.member)
    browser = client_for(cast.member)
    for _ in range(2):
        assert browser.get(path).status_code == 200
    assert not AuthorizationAttempt.objects.exists()
    assert state_of(service, session)["status"] == "pending"


def test_the_link_requires_a_login_as_that_member_and_says_nothing_to_others(
    integration: Integration, cast: Cast, service: Caller
) -> None:
    _, path = link_for(service, cast.member)
    assert Client().get(path).headers["Location"].startswith("/accounts/login/")
    assert Client().post(path).status_code in (302, 403)
    for other in (cast.owner, cast.admin, cast.stranger):
        browser = client_for(other)
        for answer in (browser.get(path), browser.post(path)):
            assert answer.status_code == 403
            assert "Sandbox" not in answer.content.decode()
    assert client_for(cast.member).get("/connect/links/nonsense/").status_code == 404
    assert not AuthorizationAttempt.objects.exists()


def test_the_click_requires_its_csrf_token(integration: Integration, cast: Cast, service: Caller) -> None:
    _, path = link_for(service, cast.member)
    assert client_for(cast.member, enforce_csrf_checks=True).post(path).status_code == 403
    assert ConnectSession.objects.get().used_at is None


def test_the_link_works_once(integration: Integration, cast: Cast, service: Caller) -> None:
    _, path = link_for(service, cast.member)
    browser = client_for(cast.member)
    click(browser, path)
    assert browser.get(path).status_code == 410
    again = browser.post(path)
    assert again.status_code == 410
    assert AuthorizationAttempt.objects.count() == 1


def test_the_link_ends(integration: Integration, cast: Cast, service: Caller) -> None:
    session, path = link_for(service, cast.member)
    ConnectSession.objects.update(expires_at=Now() - timedelta(seconds=1))
    browser = client_for(cast.member)
    assert browser.get(path).status_code == 410
    assert browser.post(path).status_code == 410
    assert (state_of(service, session)["status"], state_of(service, session)["code"]) == ("expired", "link_expired")


def test_a_member_who_left_opens_nothing(integration: Integration, cast: Cast, service: Caller) -> None:
    _, path = link_for(service, cast.member)
    user = cast.member.user
    cast.member.delete()
    browser = client_for(make_member(make_team("Elsewhere too"), user=user))
    assert browser.post(path).status_code == 403


def test_only_a_hash_of_the_token_is_stored(integration: Integration, cast: Cast, service: Caller) -> None:
    _, path = link_for(service, cast.member)
    token = path.rstrip("/").rpartition("/")[2]
    assert len(token) >= 43
    assert token not in str(ConnectSession.objects.values().get())
    assert token not in str(list(AuditEvent.objects.values()))


def test_a_refusal_at_the_service_is_a_failure_with_words(
    integration: Integration, server: AuthServer, cast: Cast, service: Caller
) -> None:
    session, path = link_for(service, cast.member)
    browser = client_for(cast.member)
    denied = {"state": click(browser, path)["state"], "error": "access_denied", "iss": server.url}
    browser.get(f"/oauth/callback?{urlencode(denied)}")
    found = state_of(service, session)
    assert (found["status"], found["code"]) == ("declined", "access_declined")
    assert found["detail"]


def test_a_person_who_tries_again_from_the_attempts_page_is_connected(
    integration: Integration, server: AuthServer, cast: Cast, service: Caller
) -> None:
    session, path = link_for(service, cast.member)
    browser = client_for(cast.member)
    asked = click(browser, path)
    browser.get(f"/oauth/callback?{urlencode({'state': asked['state'], 'error': 'access_denied'})}")
    asked = click(browser, f"/connect/attempts/{AuthorizationAttempt.objects.get().pk}/continue/")
    open_callback(browser, server, asked)
    assert state_of(service, session)["status"] == "connected"


def test_its_outcome_is_kept_after_the_flow(
    integration: Integration, server: AuthServer, cast: Cast, service: Caller
) -> None:
    session, path = link_for(service, cast.member)
    browser = client_for(cast.member)
    open_callback(browser, server, click(browser, path))
    AuthorizationAttempt.objects.all().delete()
    assert state_of(service, session)["status"] == "connected"


def test_the_owner_is_asked_to_repair_and_the_connection_keeps_its_id(
    connection: Connection, server: AuthServer, cast: Cast, service: Caller
) -> None:
    Connection.objects.update(is_shared=True, status="needs_attention", status_reason="reauthorization_required")
    ConnectionShare.objects.create(connection=connection)
    answer = service.post(URL, {"connection": str(connection.pk), "notify": True})
    assert answer.status_code == 201, answer.content
    assert (answer.json()["member"], answer.json()["mailed"]) == (str(cast.member.user_id), True)
    assert mail.outbox[0].to == [cast.member.user.email]
    path = urlsplit(answer.json()["url"]).path
    assert answer.json()["url"] in mail.outbox[0].body
    browser = client_for(cast.member)
    assert connection.name in browser.get(path).content.decode()
    open_callback(browser, server, click(browser, path))
    connection.refresh_from_db()
    assert (connection.status, Connection.objects.count()) == ("active", 1)
    assert state_of(service, answer.json()["id"])["status"] == "connected"


def test_no_member_is_mailed_twice_within_the_hour(integration: Integration, cast: Cast, service: Caller) -> None:
    body = {"member": str(cast.member.user_id), "notify": True}
    assert ask(service, **body).status_code == 201
    again = ask(service, **body)
    assert (again.status_code, again.json()["code"]) == (429, "rate_limited")
    assert int(again.headers["Retry-After"]) > 0
    assert len(mail.outbox) == 1


def test_a_team_can_have_a_limited_number_of_links_mailed_per_hour(
    integration: Integration, cast: Cast, service: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.connections.services.connect_session_mail.MAILS_PER_TEAM_AND_HOUR", 1)
    assert ask(service, member=str(cast.member.user_id), notify=True).status_code == 201
    refused = ask(service, member=str(cast.admin.user_id), notify=True)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert ask(service, member=str(cast.admin.user_id)).status_code == 201, "a link that is not mailed"
    assert len(mail.outbox) == 1


def test_a_disconnected_connection_is_not_connected_anew_by_its_link(
    connection: Connection, cast: Cast, service: Caller
) -> None:
    Connection.objects.update(is_shared=True)
    ConnectionShare.objects.create(connection=connection)
    answer = service.post(URL, {"connection": str(connection.pk)})
    path = urlsplit(answer.json()["url"]).path
    connection.delete()
    assert client_for(cast.member).post(path).status_code == 410
    assert not AuthorizationAttempt.objects.exists()


def test_members_ask_themselves_and_the_owner_of_what_is_shared_with_them(connection: Connection, cast: Cast) -> None:
    colleague = caller(make_member(cast.team))
    assert ask(colleague).status_code == 201
    assert ask(colleague, member=str(cast.owner.user_id)).status_code == 403
    hidden = colleague.post(URL, {"connection": str(connection.pk)})
    assert hidden.json()["errors"] == [{"field": "connection", "detail": "There is no such connection."}]
    Connection.objects.update(is_shared=True)
    ConnectionShare.objects.create(connection=connection)
    assert colleague.post(URL, {"connection": str(connection.pk)}).json()["member"] == str(cast.member.user_id)


def test_another_teams_people_connections_and_sessions_do_not_exist(
    connection: Connection, cast: Cast, service: Caller
) -> None:
    stranger = caller(cast.stranger)
    assert ask(stranger, member=str(cast.member.user_id)).json()["errors"][0]["field"] == "member"
    assert stranger.post(URL, {"connection": str(connection.pk)}).status_code == 400
    session, _ = link_for(service, cast.member)
    assert stranger.get(f"{URL}{session}/").status_code == 404
    assert caller(make_member(cast.team)).get(f"{URL}{session}/").status_code == 404
    assert caller(cast.member).get(f"{URL}{session}/").status_code == 200
    assert caller(cast.owner).get(f"{URL}{session}/").status_code == 200
    assert service.get(f"{URL}{uuid4()}/").status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("return_url", "https://evil.example/"),
        ("return_url", "//evil.example/"),
        ("return_url", "/own\r\npath"),
        ("return_url", "/own\x00path"),
        ("return_url", "https://app.example.com/\x1b"),
        ("return_url", "/\\evil.example"),
        ("return_url", "javascript:alert(1)"),
        ("return_url", "https://app.example.com@evil.example/"),
        ("return_url", "https://app.example.com.evil.example/"),
        ("scopes", ["not a scope"]),
        ("scopes", "profile"),
        ("member", "me"),
        ("integration", "nothing"),
        ("integration", 5),
        ("login_hint", "x" * 201),
        ("notify", "yes"),
        ("status", "connected"),
        ("team", "x"),
    ],
)
def test_what_cannot_be_is_refused_by_field(
    integration: Integration, cast: Cast, settings: Any, field: str, value: Any
) -> None:
    settings.CONNECT_RETURN_ORIGINS = ["https://app.example.com"]
    answer = ask(caller(cast.member), **{field: value})
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")
    assert {error["field"] for error in answer.json()["errors"]} == {field}
    assert not ConnectSession.objects.exists()


def test_the_link_leads_into_its_own_team(integration: Integration, cast: Cast, service: Caller) -> None:
    elsewhere = make_member(make_team("Elsewhere too"), user=cast.member.user)
    _, path = link_for(service, cast.member)
    browser = client_for(elsewhere)
    click(browser, path)
    assert browser.session[SESSION_TEAM] == str(cast.team.pk)
    assert AuthorizationAttempt.objects.get().team_id == cast.team.pk


def test_the_log_has_each_step(integration: Integration, cast: Cast, service: Caller) -> None:
    _, path = link_for(service, cast.member)
    click(client_for(cast.member), path)
    assert actions("connect_session.created", "connect_session.used") == [
        "connect_session.created",
        "connect_session.used",
    ]


def test_disconnecting_again_is_no_error_for_those_who_see_it_in_the_log(
    connection: Connection, cast: Cast, connect_flow: ConnectFlow
) -> None:
    path = f"/api/v1/connections/{connection.pk}/"
    mine = caller(cast.member)
    first, second = mine.request("DELETE", path), mine.request("DELETE", path)
    assert first.json()["revocation"] == "revoked"
    assert (second.status_code, second.json()["revocation"]) == (200, "already_disconnected")
    assert caller(cast.admin).request("DELETE", path).status_code == 200
    assert caller(make_member(cast.team)).request("DELETE", path).status_code == 404
    assert caller(cast.stranger).request("DELETE", path).status_code == 404
    assert mine.request("DELETE", f"/api/v1/connections/{uuid4()}/").status_code == 404
