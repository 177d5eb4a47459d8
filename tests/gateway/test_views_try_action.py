"""Try an action: what the page offers, what it sends, what it shows of the answer, and what it never shows."""

import json
import re
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as site
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.connections.models import Connection
from apps.gateway import views
from apps.integrations.catalog.sync import load_catalog
from apps.integrations.custom_apis.operations import Offered
from tests import factories
from tests.connections import pages
from tests.connections.test_api import share
from tests.fixtures.connections import Cast, access_token
from tests.gateway import test_proxy
from tests.servers import HttpServer

# The page calls the same proxy, and its form and what it shows are Python.
pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]
api, connection = test_proxy.api, test_proxy.connection
URL = "/try/"


@pytest.fixture
def browser(cast: Cast) -> Client:
    return factories.client_for(cast.member)


@pytest.fixture
def operations(monkeypatch: pytest.MonkeyPatch) -> None:
    offered = [
        Offered(0, "GET", "/things/{id}", "Read a thing", ("profile",)),
        Offered(1, "POST", "/things", "Make a thing", ("things:write",)),
    ]
    monkeypatch.setattr(views, "operations_of", lambda integration: offered)


def send(browser: Client, connection: Connection | None, path: str = "things", **fields: Any) -> Any:
    chosen = {"connection": str(connection.pk)} if connection else {}
    headers = fields.pop("http", {})
    return browser.post(URL, {"method": "GET", "path": path, **chosen, **fields}, headers=headers)


def picker(page: str) -> str:
    return page.partition('id="picker"')[2].partition("</fieldset>")[0]


def text(response: Any) -> str:
    return str(response.content.decode())


def test_a_complete_request_is_sent_and_the_response_displayed(
    browser: Client, api: HttpServer, connection: Connection
) -> None:
    api.will_answer(201, b'{"made":true,"price":1.50,"many":[]}', X_Kind="thing")
    answer = send(
        browser, connection, "/things/a b?x=1", method="POST", query="q=caf\u00e9 & co\r\nempty=", headers="X-Own: yes",
        body='{"n": 1}',
    )  # fmt: skip
    assert answer.status_code == 200
    (call,) = api.received
    assert (call.method, call.path) == ("POST", "/v2/things/a%20b?x=1&q=caf%C3%A9%20%26%20co&empty=")
    assert (call.body, call.headers["X-Own"], call.headers["Content-Type"]) == (b'{"n": 1}', "yes", "application/json")
    assert call.headers["Authorization"] == f"Bearer {access_token(connection)}"
    page = text(answer)
    assert "201 Created" in page
    assert "X-Kind: thing" in page
    assert '<span class="n">1.50</span>' in page  # as the service wrote it
    assert "36 bytes" in page


def test_the_call_is_in_the_audit_log_and_counted(browser: Client, api: HttpServer, connection: Connection) -> None:
    api.will_answer(200, b"{}")
    send(browser, connection)
    (event,) = AuditEvent.objects.filter(action="connection.used")
    assert (event.target_id, event.detail["path"]) == (str(connection.pk), "/things")


@pytest.mark.parametrize("who", ["member", "admin"])
def test_the_secret_is_displayed_to_no_one_not_even_the_owner(
    cast: Cast, api: HttpServer, connection: Connection, who: str
) -> None:
    share(connection)
    secret = access_token(connection)
    api.will_answer(200, json.dumps({"authorization": f"Bearer {secret}"}).encode(), X_Echo=f"Bearer {secret}")
    page = text(send(factories.client_for(getattr(cast, who)), connection))
    assert api.received[0].headers["Authorization"] == f"Bearer {secret}"
    assert "[redacted]" in page
    assert secret not in page


def test_text_in_an_encoding_without_redaction_is_not_displayed(
    browser: Client, api: HttpServer, connection: Connection
) -> None:
    secret = access_token(connection)
    api.will_answer(200, secret.encode("utf-16"), Content_Type="text/plain; charset=utf-16")
    page = text(send(browser, connection))
    assert secret not in page
    assert "Binary" in page


def test_another_teams_connection_is_not_found(cast: Cast, api: HttpServer, connection: Connection) -> None:
    stranger = factories.client_for(cast.stranger)
    share(connection)
    assert send(stranger, connection).status_code == 404
    assert stranger.get(URL, {"connection": connection.pk}).status_code == 404
    for wrong in (str(uuid4()), "x"):
        assert stranger.post(URL, {"connection": wrong, "method": "GET"}).status_code == 404
    assert api.received == []


def test_an_admin_cannot_use_a_members_personal_connection(cast: Cast, api: HttpServer, connection: Connection) -> None:
    admin = factories.client_for(cast.admin)
    assert send(admin, connection).status_code == 403
    assert str(connection.pk) not in text(admin.get(URL, {"integration": "sandbox"}))
    assert api.received == []


def test_a_link_prefills_and_never_sends(browser: Client, api: HttpServer, connection: Connection) -> None:
    page = text(browser.get(URL, {"connection": connection.pk, "method": "DELETE", "path": "things/7"}))
    assert 'value="things/7"' in page
    assert '<option value="DELETE" selected' in page
    assert api.received == []


def test_sending_requires_the_csrf_token(cast: Cast, api: HttpServer, connection: Connection) -> None:
    strict = factories.client_for(cast.member, enforce_csrf_checks=True)
    assert send(strict, connection).status_code == 403
    assert api.received == []


def test_the_path_continues_the_base_url_without_a_second_slash(
    browser: Client, api: HttpServer, connection: Connection
) -> None:
    assert 'value="things"' in text(browser.get(URL, {"connection": connection.pk, "path": "/things"}))
    assert 'value="things"' in text(send(browser, connection, path="/things"))


def test_the_only_eligible_connection_is_selected(browser: Client, connection: Connection, operations: None) -> None:
    def chosen() -> bool:
        return "checked" in picker(text(browser.get(URL, {"operation": "0"})))

    assert chosen()
    Connection.objects.update(scopes_granted=["email"])
    assert not chosen()


def test_an_operation_without_its_scope_is_refused_before_it_is_sent(
    browser: Client, api: HttpServer, connection: Connection, operations: None
) -> None:
    page = text(browser.get(URL, {"operation": "1"}))
    assert "Missing things:write" in page
    assert "Add permission" in page
    answer = send(browser, connection, operation="1", method="POST")
    assert answer.status_code == 409
    assert "was not granted things:write" in text(answer)
    assert "/help/insufficient-permissions/" in text(answer)
    assert api.received == []


def test_an_operation_with_its_scope_is_sent_and_the_scope_stored(
    browser: Client, api: HttpServer, connection: Connection, operations: None
) -> None:
    api.will_answer(200, b"{}")
    page = text(browser.get(URL, {"operation": "0"}))
    assert 'value="things/{id}"' in page
    assert send(browser, connection, "/things/{id}", operation="0").status_code == 400
    assert send(browser, connection, "/things/7", operation="0").status_code == 200
    assert [call.path for call in api.received] == ["/v2/things/7"]
    assert list(connection.scope_use.values_list("scope", flat=True)) == ["profile"]


def test_a_connection_that_needs_attention_is_explained_and_disabled(browser: Client, connection: Connection) -> None:
    pages.make_red(connection)
    page = text(browser.get(URL))
    assert "no longer accepts this connection" in page
    assert f'form="repair-{connection.pk}"' in page
    assert "disabled" in page


def test_a_member_who_cannot_fix_it_learns_whom_to_ask(cast: Cast, connection: Connection) -> None:
    share(connection)
    pages.make_red(connection)
    page = text(factories.client_for(cast.member).get(URL))
    assert "Ask" not in page
    other = factories.client_for(factories.make_member(cast.team))
    page = text(other.get(URL))
    assert "Ask Mara Member to repair it." in page
    assert "repair-" not in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"path": "../up"}, "could lead out"),
        ({"path": "a//b"}, "could lead to another host"),
        ({"path": "https://evil.example/x"}, "could lead to another host"),
        ({"headers": "Authorization: Bearer mine"}, "Authorization is set by Specway"),
        ({"headers": "Cookie: a=b"}, "Cookie is set by Specway"),
        ({"headers": "Host: evil.example"}, "Host is set by Specway"),
        ({"headers": "no colon"}, "Enter each header as Name: value"),
        ({"query": "=x"}, "has no name"),
        ({"body": "{'no': json}", "method": "POST"}, "This is not valid JSON (line 1)"),
        ({"method": "TRACE"}, "TRACE"),
        ({"body": "x" * 200_000}, "131072"),
    ],
)
def test_invalid_input_is_reported_at_its_field_and_kept(
    browser: Client, api: HttpServer, connection: Connection, fields: dict[str, str], words: str
) -> None:
    answer = send(browser, connection, **{"path": "kept/path", **fields})
    assert answer.status_code == 400
    assert words in text(answer).replace("&#x27;", "'")
    assert fields.get("path", "kept/path") in text(answer)
    assert api.received == []


def test_nothing_is_sent_without_a_connection(browser: Client, api: HttpServer, connection: Connection) -> None:
    pages.make_red(connection, "service_unavailable")
    answer = send(browser, None, integration="sandbox")
    assert answer.status_code == 400
    assert "Choose the connection to send it through." in text(answer)
    assert api.received == []


def test_a_whole_url_can_be_pasted(
    browser: Client, api: HttpServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.will_answer(200, b"{}")
    monkeypatch.setattr(views, "_base", lambda chosen: f"{api.url}/v2")
    assert send(browser, connection, f"{api.url}/v2/things?x=1").status_code == 200
    assert api.received[0].path == "/v2/things?x=1"


def test_other_bodies_are_sent_with_the_given_content_type(
    browser: Client, api: HttpServer, connection: Connection
) -> None:
    api.will_answer(200, b"{}")
    send(browser, connection, method="POST", headers="content-type: text/plain", body="one\r\ntwo")
    assert (api.received[0].body, api.received[0].headers["Content-Type"]) == (b"one\ntwo", "text/plain")


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"\x89PNG\x00\xff", "image/png", "Binary data, 6 bytes"),
        (b"", "text/plain", "The response has no body"),
        (b"<script>alert(1)</script>", "text/html", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        (b'{"a": "<img src=x>"}', "application/json", "&lt;img src=x&gt;"),
        (b"[" * 5000 + b"]" * 5000, "application/json", "10 000 bytes"),
        (b"x" * 300_000, "text/plain", "The response is longer"),
    ],
)
def test_each_kind_of_body_is_displayed(
    browser: Client, api: HttpServer, connection: Connection, body: bytes, kind: str, words: str
) -> None:
    api.will_answer(200, body, Content_Type=kind)
    page = text(send(browser, connection))
    assert words in page
    assert len(page) < 400_000


def test_an_interrupted_response_is_reported(browser: Client, api: HttpServer, connection: Connection) -> None:
    api.will_answer(200, b"half", Content_Length="400", Content_Type="text/plain")
    assert "The connection was lost here" in text(send(browser, connection))


def test_a_services_error_is_a_response_not_our_failure(
    browser: Client, api: HttpServer, connection: Connection
) -> None:
    api.will_answer(404, b'{"error":"none"}')
    answer = send(browser, connection)
    assert answer.status_code == 200
    assert "404 Not Found" in text(answer)


def test_htmx_gets_the_changed_part_and_failures_in_place(
    browser: Client, api: HttpServer, connection: Connection, operations: None
) -> None:
    api.will_answer(200, b"{}")
    done = send(browser, connection, http={"HX-Request": "true"})
    assert text(done).lstrip().startswith("<div")
    assert "<html" not in text(done)
    refused = send(browser, connection, operation="1", http={"HX-Request": "true"})
    assert (refused.status_code, refused["HX-Retarget"]) == (409, "#work")


def test_the_code_samples_contain_the_url_and_no_secret(
    browser: Client, api: HttpServer, connection: Connection
) -> None:
    api.will_answer(200, b"{}")
    page = text(send(browser, connection, "things"))
    address = f"{site.PUBLIC_URL}/api/v1/connections/{connection.pk}/proxy/things"
    assert page.count(address) == 2
    assert "Bearer $SPECWAY_KEY" in page


def test_requests_count_towards_the_api_rate_limit(
    browser: Client, api: HttpServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(site.API_RATES, "default", 1)
    api.will_answer(200, b"{}")
    assert [send(browser, connection).status_code for _ in range(2)] == [200, 429]
    assert len(api.received) == 1


def test_a_member_without_connections_learns_what_to_do(cast: Cast) -> None:
    browser = factories.client_for(cast.stranger)
    assert reverse("connections:plugins") in text(browser.get(URL))
    pages.set_up_service()
    assert "You have no connection to Sandbox" in text(browser.get(URL, {"integration": "sandbox"}))
    assert browser.get(URL, {"integration": "nothing"}).status_code == 404


def test_a_service_that_cannot_be_connected_is_selected_by_its_address(browser: Client) -> None:
    load_catalog()
    page = text(browser.get(URL, {"integration": "github"}))
    assert re.findall(r'<option value="([^"]*)" selected>', page) == ["github"]


def test_the_picker_lists_some_of_many_connections_and_finds_the_others(
    browser: Client, cast: Cast, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 'id="find"' not in text(browser.get(URL))
    for module in ("apps.connections.services.eligibility", "apps.gateway.views"):
        monkeypatch.setattr(f"{module}.MOST_LISTED", 2)
    for number in range(3):
        pages.make_connection(cast.member, connection.integration, f"Further {number}")
    page = text(browser.get(URL))
    assert "2 of 4 connections are listed." in page
    assert picker(page).count('name="connection"') == 2
    slug = connection.integration.slug
    found = picker(text(browser.get(URL, {"integration": slug, "find": "further 2", "connection": connection.pk})))
    assert "Further 2" in found
    assert f'id="pick-{connection.pk}"' in found
    assert "Further 1" not in found
    page = text(browser.get(URL, {"integration": slug, "find": "nothing"}))
    assert "No connection matches." in page
    assert 'id="try-base"' in page  # the request is still there
