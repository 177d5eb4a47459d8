"""Connect sessions where the service takes a key: the named member enters it at the link, and no one else sees it."""

import secrets
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.urls import reverse

from apps.connections.models import Connection, ConnectSession
from apps.connections.services.stored_key import stored_fields
from apps.teams.models import ApiKey, Membership
from tests.connections import test_views_keys
from tests.connections.test_api import Caller, caller
from tests.connections.test_connect_sessions import URL, state_of
from tests.connections.test_views_keys import WORKS, entered, made_by, words
from tests.factories import client_for
from tests.fixtures.connections import Cast, actions
from tests.servers import HttpServer

pytestmark = pytest.mark.django_db
service = test_views_keys.service


@pytest.fixture
def program(cast: Cast) -> Caller:
    return caller(cast.admin, ApiKey.Kind.SERVICE)


def link_for(program: Caller, member: Membership, **body: Any) -> tuple[str, str]:
    wanted = body if "connection" in body else {"integration": "keyed", "member": str(member.user_id), **body}
    answer = program.post(URL, wanted)
    assert answer.status_code == 201, answer.content
    return answer.json()["id"], urlsplit(answer.json()["url"]).path


def test_a_member_enters_the_key_and_the_program_gets_the_connection_without_the_key(
    service: HttpServer, cast: Cast, program: Caller, settings: Any
) -> None:
    settings.CONNECT_RETURN_ORIGINS = ["https://app.example.com"]
    session, path = link_for(program, cast.member, return_url="https://app.example.com/x")
    browser, key = client_for(cast.member), secrets.token_urlsafe(24)
    page = browser.get(path)
    assert 'type="password" name="field.api_key"' in words(page)
    assert "https://app.example.com" in words(page)
    assert page["Referrer-Policy"] == "no-referrer"
    assert state_of(program, session)["status"] == "pending"

    service.will_answer(200, WORKS)
    answer = browser.post(path, entered(service, key))
    assert answer["Location"] == reverse("connections:connect_done", args=[session])
    made = Connection.objects.get()
    assert (made.owner_id, made.is_shared, stored_fields(made)["api_key"]) == (cast.member.user_id, False, key)
    shown = program.get(f"{URL}{session}/")
    assert (shown.json()["status"], shown.json()["connection"]) == ("connected", str(made.pk))
    assert key not in shown.content.decode()
    assert f"https://app.example.com/x?connect_session={session}" in words(browser.get(answer["Location"]))
    assert actions("connect_session.used", "connection.created") == ["connect_session.used", "connection.created"]


def test_a_refused_key_may_be_entered_again_by_the_same_link(service: HttpServer, cast: Cast, program: Caller) -> None:
    session, path = link_for(program, cast.member)
    browser, wrong = client_for(cast.member), secrets.token_urlsafe(24)
    service.will_answer(401, b"{}")
    refused = browser.post(path, entered(service, wrong))
    assert refused.status_code == 400
    assert "Nothing was stored" in words(refused)
    assert wrong not in words(refused)
    missing = browser.post(path, entered(service, ""))
    assert (missing.status_code, "Enter API key" in words(missing)) == (400, True)
    assert state_of(program, session)["status"] == "pending"
    assert not Connection.objects.exists()
    service.answers.clear()
    service.will_answer(200, WORKS)
    assert browser.post(path, entered(service, secrets.token_urlsafe(24))).status_code == 302
    assert state_of(program, session)["status"] == "connected"


def test_the_link_works_once_and_for_that_member_only(service: HttpServer, cast: Cast, program: Caller) -> None:
    _, path = link_for(program, cast.member)
    service.will_answer(200, WORKS)
    values = entered(service, secrets.token_urlsafe(24))
    for who in (cast.admin, cast.stranger):
        answer = client_for(who).post(path, values)
        assert answer.status_code == 403
        assert "keyed" not in words(answer).lower()
    assert not Connection.objects.exists()
    browser = client_for(cast.member)
    assert browser.post(path, values).status_code == 302
    again = browser.post(path, values)
    assert again.status_code == 410
    assert "field.api_key" not in words(again)
    assert Connection.objects.count() == 1


def test_two_clicks_at_once_store_one_key(
    service: HttpServer, cast: Cast, program: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, path = link_for(program, cast.member)
    # The other click came between this one's look and its claim.
    ConnectSession.objects.update(used_at="2031-01-01T00:00:00Z")
    from apps.connections.views import connect_links

    before = connect_links.connect_sessions.session_of_link

    def stale(token: str) -> ConnectSession | None:
        found = before(token)
        assert found is not None
        found.used_at, found.attempt = None, None
        return found

    monkeypatch.setattr(connect_links.connect_sessions, "session_of_link", stale)
    service.will_answer(200, WORKS)
    answer = client_for(cast.member).post(path, entered(service, secrets.token_urlsafe(24)))
    assert answer.status_code >= 400
    assert not Connection.objects.exists()
    assert service.received == []


def test_the_owner_replaces_a_key_by_the_link(service: HttpServer, cast: Cast, program: Caller) -> None:
    made = made_by(service, cast.member, cast)
    made.is_shared = True
    made.save()
    made.shares.create(level="use")
    session, path = link_for(program, cast.member, connection=str(made.pk))
    browser, key = client_for(cast.member), secrets.token_urlsafe(24)
    page = words(browser.get(path))
    assert f"Replace the key of {made.name}" in page
    assert "Name (optional)" not in page
    assert browser.post(path, {"field.api_key": key}).status_code == 302
    assert stored_fields(Connection.objects.get())["api_key"] == key
    assert (state_of(program, session)["status"], state_of(program, session)["connection"]) == (
        "connected",
        str(made.pk),
    )


def test_what_makes_no_sense_for_a_key_is_refused_and_the_mail_says_what_to_do(
    service: HttpServer, cast: Cast, program: Caller
) -> None:
    asked = {"integration": "keyed", "member": str(cast.member.user_id)}
    refused = program.post(URL, asked | {"scopes": ["profile"]})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "scopes")
    assert program.post(URL, asked | {"notify": True}).status_code == 201
    assert "key yourself" in str(mail.outbox[0].body)
