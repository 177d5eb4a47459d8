"""Services that say otherwise than by a 401 that the access token has ended."""

from dataclasses import replace

import pytest

from apps.connections.models import Connection
from apps.connections.services import signing
from apps.integrations.catalog import entries
from apps.oauth.conditions import EndedTokenSign, matches
from tests.connections.test_api import Caller
from tests.fixtures.connections import access_token, actions
from tests.gateway import test_proxy
from tests.gateway.test_proxy import body_of, proxied
from tests.servers import HttpServer

pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]
api, connection, mine = test_proxy.api, test_proxy.connection, test_proxy.mine

MARKETO = b'{"requestId": "e42b", "success": false, "errors": [{"code": "602", "message": "Access token expired"}]}'
BY_STATUS = EndedTokenSign(statuses=(403,))
BY_CODE = EndedTokenSign(statuses=(200,), path="errors[0].code", values=(601, 602))
BY_TEXT = EndedTokenSign(statuses=(400, 403), description="token has expired")


def signs(monkeypatch: pytest.MonkeyPatch, *listed: EndedTokenSign) -> None:
    original = signing.provider_of
    monkeypatch.setattr(signing, "provider_of", lambda c: replace(original(c), ended_token=listed))


@pytest.mark.parametrize(
    ("sign", "status", "body", "content_type"),
    [
        (BY_STATUS, 403, b"Forbidden", "text/plain"),
        (BY_CODE, 200, MARKETO, "application/json;charset=UTF-8"),
        (BY_TEXT, 403, b"<p>Your Token has expired</p>", "text/html"),
        (BY_TEXT, 400, b'{"fault": {"text": "The token has expired."}}', "application/json"),
    ],
)
def test_the_token_is_refreshed_and_the_call_repeated_once(
    api: HttpServer,
    connection: Connection,
    mine: Caller,
    monkeypatch: pytest.MonkeyPatch,
    sign: EndedTokenSign,
    status: int,
    body: bytes,
    content_type: str,
) -> None:
    signs(monkeypatch, sign)
    api.will_answer(status, body, Content_Type=content_type)
    api.will_answer(200, b'{"success": true}')
    answer = proxied(mine, connection, "x", "POST", data=b"body")
    assert (answer.status_code, body_of(answer)) == (200, b'{"success": true}')
    first, second = api.received
    assert first.body == second.body == b"body"
    assert second.headers["Authorization"] == f"Bearer {access_token(connection)}" != first.headers["Authorization"]
    assert actions("connection.refreshed") == ["connection.refreshed"]


@pytest.mark.parametrize(
    ("sign", "status", "body"),
    [
        (BY_STATUS, 400, b"{}"),
        (BY_CODE, 200, MARKETO.replace(b"602", b"1003")),
        (BY_CODE, 200, b'{"success": true, "errors": []}'),
        (BY_CODE, 200, b"no JSON"),
        (BY_TEXT, 403, b'{"error": "No access to this project"}'),
    ],
)
def test_other_responses_pass_as_they_are(
    api: HttpServer,
    connection: Connection,
    mine: Caller,
    monkeypatch: pytest.MonkeyPatch,
    sign: EndedTokenSign,
    status: int,
    body: bytes,
) -> None:
    signs(monkeypatch, sign)
    api.will_answer(status, body)
    answer = proxied(mine, connection)
    assert (answer.status_code, body_of(answer)) == (status, body)
    assert (len(api.received), actions("connection.refreshed")) == (1, [])


def test_a_large_body_that_was_looked_into_passes_completely(
    api: HttpServer, connection: Connection, mine: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    signs(monkeypatch, BY_CODE)
    body = b'{"items": [' + b'"abcdefghij",' * 50_000 + b"0]}"
    api.will_answer(200, body)
    assert body_of(proxied(mine, connection)) == body
    assert api.received[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("content_type", ["application/x-ndjson", "text/event-stream", "application/stream+json"])
def test_a_stream_is_not_waited_for(
    api: HttpServer, connection: Connection, mine: Caller, monkeypatch: pytest.MonkeyPatch, content_type: str
) -> None:
    signs(monkeypatch, BY_CODE)
    api.will_answer(200, MARKETO, Content_Type=content_type)
    assert body_of(proxied(mine, connection)) == MARKETO
    assert actions("connection.refreshed") == []


def test_three_calls_that_show_an_ended_token_need_attention(
    api: HttpServer, connection: Connection, mine: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    signs(monkeypatch, BY_CODE)
    api.will_answer(200, MARKETO)
    for _ in range(3):
        answer = proxied(mine, connection)
        assert (answer.status_code, body_of(answer)) == (200, MARKETO)
    connection.refresh_from_db()
    assert (connection.status, connection.status_reason) == ("needs_attention", "token_refused")
    assert actions("connection.refreshed") == ["connection.refreshed"]


def test_a_status_that_a_new_token_does_not_change_counts_against_nothing(
    api: HttpServer, connection: Connection, mine: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    signs(monkeypatch, BY_STATUS)
    api.will_answer(403, b"{}")
    for _ in range(4):
        assert body_of(proxied(mine, connection)) == b"{}"
    connection.refresh_from_db()
    assert connection.status == "active"


@pytest.mark.parametrize(
    ("slug", "status", "body", "ended"),
    [
        ("slack", 200, {"ok": False, "error": "token_expired"}, True),
        ("slack", 200, {"ok": False, "error": "channel_not_found"}, False),
        ("slack", 200, {"ok": True}, False),
        ("facebook", 400, {"error": {"type": "OAuthException", "code": 190, "error_subcode": 463}}, True),
        ("instagram", 400, {"error": {"code": 190}}, True),
        ("facebook", 400, {"error": {"type": "OAuthException", "code": 100}}, False),
    ],
)
def test_the_catalog_knows_signs_of_services(slug: str, status: int, body: dict[str, object], ended: bool) -> None:
    signs = entries.catalog()[slug].api.ended_token
    assert any(matches(sign, status=status, document=body, text="") for sign in signs) is ended
