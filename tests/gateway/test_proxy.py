"""The proxy, with every kind of caller and credential, against real servers."""

import base64
import gzip
import json
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings as site
from django.test import Client

from apps import egress
from apps.audit.models import AuditEvent
from apps.connections.models import Connection, DailyUse, Status, WorkflowUse
from apps.connections.services.credentials import connect_with_key
from apps.egress import destination
from apps.integrations.models import Integration
from apps.teams.models import ApiKey
from tests import factories
from tests.authserver import AuthServer, refuses
from tests.connections.test_api import Caller, caller, share
from tests.fixtures.connected import connected
from tests.fixtures.connections import Cast, ConnectFlow, access_token, actions, expire, tokens_of
from tests.servers import HttpServer, http_server

# What it sends and passes on depends on the request and on one row, read by its key. Tests that count are marked.
pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]
USE = ["connections:use"]


def body_of(response: Any) -> bytes:
    """All of it. Reading to the end closes the response, without the database's connection as in a server."""
    return bytes(b"".join(response.streaming_content) if response.streaming else response.content)


def proxied(
    who: Caller | Client, connection: Connection, rest: str = "things", method: str = "GET", **more: Any
) -> Any:
    """A call; `rest` is the raw end of the request line, as gunicorn passes it."""
    prefix = f"/api/v1/connections/{connection.pk}/proxy/"
    headers = {name.replace("_", "-"): value for name, value in more.pop("headers", {}).items()}
    client = who if isinstance(who, Client) else Client()
    if isinstance(who, Caller):
        headers["Authorization"] = f"Bearer {who.text}"
    data, content_type = more.pop("data", b""), more.pop("content_type", "application/json")
    address = prefix + rest
    return client.generic(method, address, data, content_type=content_type, headers=headers, RAW_URI=address, **more)


@pytest.fixture
def api(server: AuthServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    """The service's API, on a host of its own, which the connection's integration is pointed at."""
    with http_server() as running:
        egress.configure(allowed_hosts=[server.url.removeprefix("http://"), f"127.0.0.1:{running.port}"])
        yield running


@pytest.fixture
def connection(connect_flow: ConnectFlow, cast: Cast, api: HttpServer, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """The member's own connection to the sandbox; its API is `api`, its token endpoint the authorization server."""
    from dataclasses import replace

    from apps.connections.services import signing

    made = connected(connect_flow, cast.actor("member"))
    original = signing.provider_of
    monkeypatch.setattr(signing, "provider_of", lambda c: replace(original(c), api_base_url=f"{api.url}/v2"))
    monkeypatch.setattr(signing, "api_hosts", lambda *a, **k: frozenset({f"127.0.0.1:{api.port}"}))
    return made


@pytest.fixture
def mine(cast: Cast) -> Caller:
    return caller(cast.member, scopes=USE)


def test_a_call_reaches_the_service_with_the_connections_credentials(
    api: HttpServer, connection: Connection, mine: Caller
) -> None:
    api.will_answer(201, b'{"made": true}', X_Kind="thing", ETag='"7"')
    answer = proxied(
        mine,
        connection,
        "a%2Fb/c%20d?x=1&y=%C3%A9+z",
        "POST",
        data=b'{"n": 1}',
        headers={"X-Own": "yes", "Cookie": "a=b", "X-Forwarded-For": "1.2.3.4", "Connection": "X-Hop", "X-Hop": "1"},
    )
    assert (answer.status_code, body_of(answer)) == (201, b'{"made": true}')
    assert (answer["X-Kind"], answer["ETag"], answer["Content-Length"]) == ("thing", '"7"', "14")
    (call,) = api.received
    assert (call.method, call.path, call.body) == ("POST", "/v2/a%2Fb/c%20d?x=1&y=%C3%A9+z", b'{"n": 1}')
    assert call.headers["Authorization"] == f"Bearer {access_token(connection)}"
    assert call.headers["Content-Type"] == "application/json"
    assert call.headers["X-Own"] == "yes"
    assert not {"Cookie", "X-Forwarded-For", "X-Hop", "Specway-Run"} & set(call.headers)
    assert call.headers["Host"] == f"127.0.0.1:{api.port}"


@pytest.mark.parametrize(
    "method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PROPFIND", "purge", "X"]
)
def test_every_method_passes_with_its_body(api: HttpServer, connection: Connection, mine: Caller, method: str) -> None:
    api.will_answer(200, b"{}")
    answer = proxied(mine, connection, "x", method, data=b"body")
    assert answer.status_code == 200, body_of(answer)
    assert body_of(answer) == (b"" if method == "HEAD" else b"{}")
    assert (api.received[0].method, api.received[0].body) == (method, b"body")


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
def test_methods_that_return_the_credential_or_open_a_tunnel_are_refused(
    api: HttpServer, connection: Connection, mine: Caller, method: str
) -> None:
    answer = proxied(mine, connection, "x", method)
    assert (answer.status_code, answer["Specway-Error"]) == (405, "method_not_allowed")
    assert "GET" in answer["Allow"]
    assert api.received == []


@pytest.mark.parametrize(
    "rest",
    [
        "//evil.example/x", "/x", "a//b", "../x", "a/..", "a/../b", "./x", "a/..;x/b", "a\\b", "%2e%2e/x",
        "a/%2E%2e%2fb", "a%2F..%2Fb", "a%5C..%5Cb", "a%0d%0aX:1", "a%0Ab", "a%00b", "%252e%252e/x",
        "%25%32%65%25%32%65/x", "a%250d%250ab", "@evil.example//x", "x@evil.example/..", "%25252e%25252e/x",
        "a%2525252525252f", "a%zz", "a%", "a#b", "caf\u00e9", "%c0%ae%c0%ae/x", "%C0%AE/x", "%e0%80%ae./x",
        "%f0%80%80%ae%2e/x", "%c0%ae%c0%ae%c0%afx", "a%25c0%25ae%25c0%25ae/../x", "a%c0%8d%c0%8ab", "a%c0%80b",
        "%25c0%25ae%25c0%25ae/x",
    ],
)  # fmt: skip
def test_a_path_that_could_lead_elsewhere_is_refused_in_every_form(
    api: HttpServer, connection: Connection, mine: Caller, rest: str
) -> None:
    api.will_answer(200, b"{}")
    prefix = f"/api/v1/connections/{connection.pk}/proxy/"
    from urllib.parse import unquote

    answer = Client().generic(
        "GET",
        prefix + "x",
        headers={"Authorization": f"Bearer {mine.text}"},
        RAW_URI=prefix + rest,
        PATH_INFO=prefix + unquote(rest, encoding="latin-1"),
    )
    assert (answer.status_code, answer["Specway-Error"]) == (400, "invalid_path"), rest
    assert answer.json()["code"] == "invalid_path"
    assert api.received == []


@pytest.mark.parametrize("rest", ["calendars/ada%40x.example/events", "@scope/name", "a@evil.example", "a%2540b"])
def test_an_at_sign_passes_and_the_host_stays_the_services(
    api: HttpServer, connection: Connection, mine: Caller, rest: str
) -> None:
    api.will_answer(200, b"{}")
    assert proxied(mine, connection, rest).status_code == 200
    assert (api.received[0].path, api.received[0].headers["Host"]) == (f"/v2/{rest}", f"127.0.0.1:{api.port}")


@pytest.mark.parametrize(
    "rest",
    [
        "a%2Fb", "v1.2/x..y", "compare/main...dev", "100%25", "a;b=1/c", "%E2%82%AC", "a+b", "", "a/", "a%5Cb",
        "webmasters/v3/sites/https%3A%2F%2Fwww.example.com%2F/searchAnalytics/query", "%2Fetc", "a%2F%2Fb",
        "a%255cb", "a%252F%252Fb", "%C3%80%2e5", "x%2e", "%e0%a0%80",
    ],
)  # fmt: skip
def test_an_allowed_path_is_sent_unchanged(api: HttpServer, connection: Connection, mine: Caller, rest: str) -> None:
    api.will_answer(200, b"{}")
    assert proxied(mine, connection, rest).status_code == 200
    assert api.received[0].path == (f"/v2/{rest}" if rest else "/v2")


def test_response_headers_that_would_act_on_our_origin_are_removed(
    api: HttpServer, connection: Connection, mine: Caller
) -> None:
    api.will_answer(
        200,
        b"<script>alert(1)</script>",
        Content_Type="text/html",
        Set_Cookie="specway=stolen",
        Strict_Transport_Security="max-age=0",
        Clear_Site_Data='"*"',
        Access_Control_Allow_Origin="*",
        Content_Security_Policy="script-src *",
        Specway_Error="forged",
        Location="https://elsewhere.example/x",
        Retry_After="7",
        Vary="X-Thing",
    )
    answer = proxied(mine, connection)
    body_of(answer)
    assert not {"Set-Cookie", "Clear-Site-Data", "Access-Control-Allow-Origin", "Specway-Error"} & set(answer.headers)
    assert answer.cookies == {}
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"] == "attachment"
    assert (answer["Location"], answer["Retry-After"]) == ("https://elsewhere.example/x", "7")


@pytest.mark.parametrize(
    ("header", "is_returned"),
    [
        ("X-Accel-Redirect", False), ("X-Accel-Expires", False), ("X-Sendfile", False), ("X-LiteSpeed-Location", False),
        ("X-Lighttpd-Send-File", False), ("X-Reproxy-URL", False), ("Surrogate-Control", False), ("HX-Redirect", False),
        ("HX-Version", False), ("CDN-Cache-Control", False), ("CDN-Request-ID", False), ("Link", False),
        ("Alt-Svc", False), ("Report-To", False), ("NEL", False), ("Refresh", False), ("Set-Login", False),
        ("Clear-Site-Data", False), ("Expires", False), ("Pragma", False), ("Age", False), ("Server", False),
        ("X-Middleware-Rewrite", False), ("X-Original-URL", False), ("X-Proxy-Cache", False), ("Anything", False),
        ("X-Request-Id", True), ("X-RateLimit-Remaining", True), ("RateLimit-Policy", True), ("Api-Version", True),
        ("Vendor-Request-Id", True), ("X-Total-Count", True), ("ETag", True), ("Upload-Offset", True),
        ("Vendor-Processing-Ms", True), ("X-Vendor-Anything", True), ("Last-Modified", True), ("Vary", True),
    ],
)  # fmt: skip
def test_no_response_header_controls_what_is_in_front_of_us(
    api: HttpServer, connection: Connection, cast: Cast, header: str, is_returned: bool
) -> None:
    api.will_answer(200, b"{}", **{header: "/protected/value"})
    assert (header in proxied(caller(cast.member), connection).headers) == is_returned


@pytest.mark.parametrize(
    ("given", "returned"),
    [
        ("public, max-age=600", "private, no-store"), ("", "private, no-store"), ("no-store", "private, no-store"),
        ("max-age=60, must-revalidate, no-transform", "private, no-store, must-revalidate, no-transform"),
    ],
)  # fmt: skip
def test_no_cache_may_store_a_response(
    api: HttpServer, connection: Connection, mine: Caller, given: str, returned: str
) -> None:
    api.will_answer(200, b"{}", **({"Cache_Control": given} if given else {}))
    assert proxied(mine, connection)["Cache-Control"] == returned


@pytest.mark.parametrize(
    ("location", "returned"),
    [
        ("{api}/v2/other?a=1#b", "{proxy}other?a=1#b"),
        ("/v2/x%2Fy", "{proxy}x%2Fy"),
        ("sibling", "{proxy}folder/sibling"),
        ("//{host}/v2/x", "{proxy}x"),
        ("/v2", "{proxy}"),
        ("/elsewhere", "{api}/elsewhere"),
        ("/v2x/y", "{api}/v2x/y"),
        ("/api/v1/api-keys/", "{api}/api/v1/api-keys/"),
        ("{api}/v2/../../x", "{api}/v2/../../x"),
        ("{api}/v2/%2e%2e/%2e%2e/%2e%2e/api-keys/", "{api}/v2/%2e%2e/%2e%2e/%2e%2e/api-keys/"),
        ("https://elsewhere.example/x", "https://elsewhere.example/x"),
        ("app://opened/x", "app://opened/x"),
        ("{own}/api/v1/api-keys/", None),
        ("http://testserver/api/v1/api-keys/", None),
        ("https://testserver/api/v1/api-keys/", None),
        ("//testserver/api/v1/", None),
        ("https:/api/v1/api-keys/", None),
        ("\\\\testserver\\api", None),
        ("/\\testserver/api", None),
    ],
)
@pytest.mark.parametrize("header", ["Location", "Content-Location"])
def test_a_returned_url_never_leads_to_our_own_api(
    api: HttpServer, connection: Connection, mine: Caller, header: str, location: str, returned: str | None
) -> None:
    names = {
        "api": api.url,
        "host": api.url.removeprefix("http://"),
        "own": site.PUBLIC_URL,
        "proxy": f"/api/v1/connections/{connection.pk}/proxy/",
    }
    api.will_answer(307, b"", **{header: location.format(**names)})
    answer = proxied(mine, connection, "folder/thing")
    assert answer.headers.get(header) == (returned.format(**names) if returned else None)


def test_a_redirect_to_a_key_in_the_path_leads_back_through_the_proxy(
    kind_api: HttpServer, cast: Cast, mine: Caller
) -> None:
    made = by_key(kind_api, cast, "unverifiable", api_key="123456-abcdef")
    kind_api.answers.clear()
    kind_api.will_answer(302, b"", Location="/bot123456-abcdef/api/other")
    assert proxied(mine, made, "getMe")["Location"] == f"/api/v1/connections/{made.pk}/proxy/other"


def test_redirects_are_returned_and_not_followed(api: HttpServer, connection: Connection, mine: Caller) -> None:
    api.will_answer(302, b"", Location=f"{api.url}/v2/other")
    answer = proxied(mine, connection)
    assert (answer.status_code, answer["Location"]) == (302, f"/api/v1/connections/{connection.pk}/proxy/other")
    assert len(api.received) == 1


def test_the_scopes_of_a_call_are_stored_as_used(api: HttpServer, connection: Connection, mine: Caller) -> None:
    api.will_answer(200, b"{}")
    scope = connection.scopes_granted[0]
    body_of(proxied(mine, connection, headers={"Specway-Scopes": scope}))
    assert list(connection.scope_use.values_list("scope", flat=True)) == [scope]


def test_a_call_is_recorded_before_it_is_sent_and_counted(
    api: HttpServer, connection: Connection, mine: Caller, cast: Cast
) -> None:
    api.will_answer(200, b"{}")
    headers = {"Specway-Workflow": 'wf-7; name="Night sync"', "Specway-Run": "r1"}
    body_of(proxied(mine, connection, "a/b?q=hidden", headers=headers))
    event = AuditEvent.objects.get(action="connection.used")
    assert (event.actor_id, event.workflow_id, event.workflow_name, event.run_id) == (
        str(cast.member.user.pk), "wf-7", "Night sync", "r1",
    )  # fmt: skip
    assert event.detail | {"call": ""} == {"call": "", "method": "GET", "path": "/a/b"}
    assert event.detail["call"]
    assert event.token_fp == tokens_of(connection).access_token_fp
    assert (DailyUse.objects.get().calls, DailyUse.objects.get().failures) == (1, 0)
    assert WorkflowUse.objects.get().workflow_id == "wf-7"
    assert Connection.objects.get().last_used_at is not None


def test_no_call_is_sent_if_it_cannot_be_recorded(
    api: HttpServer, connection: Connection, mine: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.connections.errors import ServiceUnavailable
    from apps.gateway.services import calls

    def refuses(**_: Any) -> None:
        raise ServiceUnavailable("The log is full.")

    api.will_answer(200, b"{}")
    monkeypatch.setattr(calls, "record", refuses)
    assert proxied(mine, connection).status_code == 503
    assert api.received == []


@pytest.mark.on_each_database
@pytest.mark.parametrize(("status", "failures"), [(500, 1), (429, 1), (403, 1), (404, 0), (422, 0)])
def test_failures_that_concern_the_connection_are_counted(
    api: HttpServer, connection: Connection, mine: Caller, status: int, failures: int
) -> None:
    api.will_answer(status, b"{}")
    assert proxied(mine, connection).status_code == status
    body_of(proxied(mine, connection))
    DailyUse.objects.get()
    body_of(proxied(mine, connection))
    assert DailyUse.objects.get().failures >= failures
    assert actions("connection.use_failed").count("connection.use_failed") == DailyUse.objects.get().failures
    assert (DailyUse.objects.get().failures > 0) == bool(failures)


# --- who may ------------------------------------------------------------------------------------------------------


def test_a_shared_connection_is_used_by_members_and_service_keys(
    api: HttpServer, connection: Connection, cast: Cast
) -> None:
    api.will_answer(200, b"{}")
    share(connection)
    for who in (caller(cast.owner, scopes=USE), caller(cast.admin, ApiKey.Kind.SERVICE, scopes=USE)):
        assert proxied(who, connection).status_code == 200


def test_strangers_members_and_keys_without_the_scope_do_not_use_it(
    api: HttpServer, connection: Connection, cast: Cast
) -> None:
    api.will_answer(200, b"{}")
    expected = [
        (caller(cast.stranger), 404, "not_found"),
        (caller(cast.owner), 403, "permission_denied"),  # an admin sees it, but a personal one is its owner's
        (caller(cast.admin, ApiKey.Kind.SERVICE), 404, "not_found"),
        (caller(cast.member, scopes=["connections:read"]), 403, "insufficient_scope"),
    ]
    for who, status, code in expected:
        answer = proxied(who, connection)
        assert (answer.status_code, answer["Specway-Error"]) == (status, code)
    assert Client().get(f"/api/v1/connections/{connection.pk}/proxy/x").status_code == 401
    assert api.received == []


def test_the_browsers_session_works_with_the_csrf_token_and_forms_are_not_read(
    api: HttpServer, connection: Connection, cast: Cast
) -> None:
    api.will_answer(200, b"{}")
    browser = factories.client_for(cast.member, enforce_csrf_checks=True)
    form = {"data": b"a=1&b=2", "content_type": "application/x-www-form-urlencoded", "method": "POST"}
    assert proxied(browser, connection, **form).status_code == 403
    assert api.received == []
    browser.get("/settings/integrations/")
    token = secrets.token_hex(16)
    browser.cookies["specway-csrf"] = token
    answer = proxied(browser, connection, headers={"X-CSRFToken": token, "Referer": "http://testserver/x"}, **form)
    assert answer.status_code == 200, body_of(answer)
    assert api.received[0].body == b"a=1&b=2"
    assert not {"X-Csrftoken", "Referer", "Cookie"} & set(api.received[0].headers)


def test_following_a_link_makes_no_call(api: HttpServer, connection: Connection, cast: Cast) -> None:
    api.will_answer(200, b"{}")
    browser = factories.client_for(cast.member)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}):
        assert proxied(browser, connection, headers=headers).status_code == 403
    assert api.received == []


# --- tokens -------------------------------------------------------------------------------------------------------


def test_an_expired_token_is_refreshed_first(
    api: HttpServer, connection: Connection, mine: Caller, server: AuthServer
) -> None:
    api.will_answer(200, b"{}")
    before = access_token(connection)
    expire(connection)
    assert proxied(mine, connection).status_code == 200
    assert api.received[0].headers["Authorization"] == f"Bearer {access_token(connection)}" != f"Bearer {before}"


def test_a_refused_token_is_refreshed_once_and_a_buffered_body_sent_again(
    api: HttpServer, connection: Connection, mine: Caller
) -> None:
    api.will_answer(401, b"old")
    api.will_answer(200, b"new")
    answer = proxied(mine, connection, "x", "POST", data=b"body")
    assert (answer.status_code, body_of(answer)) == (200, b"new")
    first, second = api.received
    assert first.body == second.body == b"body"
    assert second.headers["Authorization"] == f"Bearer {access_token(connection)}" != first.headers["Authorization"]
    assert actions("connection.refreshed") == ["connection.refreshed"]
    assert actions("connection.used") == ["connection.used"]


def test_a_service_that_always_answers_401_causes_one_refresh(
    api: HttpServer, connection: Connection, mine: Caller
) -> None:
    api.will_answer(401, b"no")
    for _ in range(3):
        answer = proxied(mine, connection)
        assert (answer.status_code, body_of(answer)) == (401, b"no")
    assert actions("connection.refreshed") == ["connection.refreshed"]


def test_a_revoked_grant_is_reported(api: HttpServer, connection: Connection, mine: Caller, server: AuthServer) -> None:
    api.will_answer(401, b"no")
    server.script(*[refuses("invalid_grant")] * 2)
    answer = proxied(mine, connection)
    assert answer.status_code in (409, 503)
    assert answer["Specway-Error"] == answer.json()["code"]
    assert len(api.received) == 1


def test_required_scopes_are_checked_before_the_call(api: HttpServer, connection: Connection, mine: Caller) -> None:
    api.will_answer(200, b"{}")
    answer = proxied(mine, connection, headers={"Specway-Scopes": "profile messages:write"})
    assert (answer.status_code, answer["Specway-Error"]) == (409, "missing_scopes")
    assert answer.json()["missing_scopes"] == ["messages:write"]
    assert api.received == []
    assert proxied(mine, connection, headers={"Specway-Scopes": "profile"}).status_code == 200


def test_insufficient_scope_is_stored_and_the_response_is_returned(
    api: HttpServer, connection: Connection, mine: Caller
) -> None:
    challenge = 'Bearer realm="x", error="insufficient_scope", scope="messages:write made:up"'
    api.will_answer(403, b"denied", WWW_Authenticate=challenge)
    answer = proxied(mine, connection)
    assert (answer.status_code, body_of(answer), answer["Specway-Error"]) == (403, b"denied", "missing_scopes")
    row = Connection.objects.get()
    assert "messages:write" in row.scopes_requested
    assert "made:up" not in row.scopes_requested
    assert row.status == Status.ACTIVE
    body_of(proxied(mine, connection))
    assert actions("connection.lacks_scopes") == ["connection.lacks_scopes"]
    assert actions("connection.refreshed") == []


def test_a_refused_granted_scope_makes_the_connection_need_attention(
    api: HttpServer, connection: Connection, mine: Caller
) -> None:
    api.will_answer(403, b"denied", WWW_Authenticate='Bearer error="insufficient_scope" scope="messages:read"')
    body_of(proxied(mine, connection))
    row = Connection.objects.get()
    assert (row.status, row.status_reason) == (Status.NEEDS_ATTENTION, "missing_scopes")
    assert "messages:read" not in row.scopes_granted


# --- retries ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_idempotent_calls_are_retried_on_request(
    api: HttpServer, connection: Connection, mine: Caller, status: int
) -> None:
    api.will_answer(status, b"busy", Retry_After="0")
    api.will_answer(200, b"done")
    answer = proxied(mine, connection, "x", "PUT", data=b"body", headers={"Specway-Retries": "1"})
    assert (answer.status_code, body_of(answer)) == (200, b"done")
    assert [call.body for call in api.received] == [b"body", b"body"]


def test_no_retry_without_the_option_for_post_or_after_a_long_retry_after(
    api: HttpServer, connection: Connection, mine: Caller
) -> None:
    api.will_answer(503, b"busy", Retry_After="0")
    assert proxied(mine, connection).status_code == 503
    assert proxied(mine, connection, "x", "POST", headers={"Specway-Retries": "3"}).status_code == 503
    assert len(api.received) == 2
    api.answers.clear()
    api.will_answer(503, b"busy", Retry_After="3600")
    answer = proxied(mine, connection, headers={"Specway-Retries": "3"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "3600")
    assert len(api.received) == 3


def test_retries_are_limited(api: HttpServer, connection: Connection, mine: Caller) -> None:
    api.will_answer(503, b"busy", Retry_After="0")
    assert proxied(mine, connection, headers={"Specway-Retries": "2"}).status_code == 503
    assert len(api.received) == 3


@pytest.mark.parametrize(
    "headers",
    [
        {"Specway-Retries": "4"}, {"Specway-Retries": "-1"}, {"Specway-Timeout": "0"}, {"Specway-Timeout": "601"},
        {"Specway-Timeout": "soon"}, {"Specway-Retrys": "1"}, {"Specway-Workflow": "x; y"},
    ],
)  # fmt: skip
def test_invalid_call_options_are_errors(
    api: HttpServer, connection: Connection, mine: Caller, headers: dict[str, str]
) -> None:
    answer = proxied(mine, connection, headers=headers)
    assert (answer.status_code, answer["Specway-Error"]) == (400, "validation_error")
    assert answer.json()["errors"][0]["field"] == next(iter(headers))


@pytest.mark.on_each_database
@pytest.mark.django_db(transaction=True)
def test_an_interrupted_response_is_interrupted_for_the_caller_too(
    connection: Connection, mine: Caller, api: HttpServer
) -> None:
    api.will_answer(200, b"", Content_Length="7")  # and then nothing: it breaks off
    answer = proxied(mine, connection)
    with pytest.raises(ConnectionResetError):
        list(answer.streaming_content)  # which also closes it
    assert DailyUse.objects.get().failures == 1
    assert AuditEvent.objects.get(action="connection.use_failed").detail["ended"] == "cut_off"


def test_addresses_that_are_not_public_are_refused(
    connection: Connection, mine: Caller, api: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destination, "_allowed", frozenset())
    answer = proxied(mine, connection)
    assert (answer.status_code, answer["Specway-Error"]) == (400, "destination_blocked")
    assert api.received == []


# --- the secret ---------------------------------------------------------------------------------------------------


def echo(api: HttpServer, token: str, **headers: str) -> bytes:
    body = json.dumps({"headers": {"Authorization": f"Bearer {token}"}, "twice": token}).encode()
    api.will_answer(200, body, X_Echo=f"Bearer {token}", **headers)
    return body


def test_a_caller_without_token_access_gets_no_token_from_an_echo(
    api: HttpServer, connection: Connection, mine: Caller, cast: Cast
) -> None:
    token = access_token(connection)
    body = echo(api, token)
    share(connection)
    for who in (mine, caller(cast.admin), factories.client_for(cast.member)):
        answer = proxied(who, connection)
        shown = body_of(answer)
        assert token.encode() not in shown
        assert token not in str(answer.headers)
        assert len(shown) == len(body) == int(answer["Content-Length"])
        assert b"[redacted]" in shown
    assert {call.headers["Accept-Encoding"] for call in api.received} == {"identity"}


def test_a_caller_with_token_access_gets_responses_unchanged(
    api: HttpServer, connection: Connection, cast: Cast
) -> None:
    body = echo(api, access_token(connection))
    assert body_of(proxied(caller(cast.member), connection)) == body
    compressed = gzip.compress(body)
    api.answers.clear()
    api.will_answer(200, compressed, Content_Encoding="gzip")
    answer = proxied(caller(cast.member), connection, headers={"Accept-Encoding": "gzip"})
    assert (body_of(answer), answer["Content-Encoding"]) == (compressed, "gzip")
    assert api.received[-1].headers["Accept-Encoding"] == "gzip"


def test_a_compressed_echo_is_redacted_and_an_unknown_coding_withheld(
    api: HttpServer, connection: Connection, mine: Caller
) -> None:
    token = access_token(connection)
    api.will_answer(200, gzip.compress(f"echo {token}".encode()), Content_Encoding="gzip")
    answer = proxied(mine, connection)
    shown = body_of(answer)
    assert shown.startswith(b"echo [redacted]")
    assert token.encode() not in shown
    assert "Content-Encoding" not in answer
    api.answers.clear()
    api.will_answer(200, b"\x0b\x02", Content_Encoding="br")
    answer = proxied(mine, connection)
    assert (answer.status_code, answer["Specway-Error"]) == (502, "answer_withheld")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "aws-chunked"])
def test_an_empty_body_passes_in_any_content_coding(
    api: HttpServer, connection: Connection, mine: Caller, coding: str
) -> None:
    location = "https://uploads.example/session"
    api.will_answer(202, b"", Content_Encoding=coding, Content_Length="0", Location=location)
    answer = proxied(mine, connection, "x", "POST", data=b"{}")
    assert (answer.status_code, body_of(answer)) == (202, b"")
    assert (answer["Content-Encoding"], answer["Content-Length"], answer["Location"]) == (coding, "0", location)


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("length", ["2", "400"])
def test_a_chunked_response_loses_its_content_length(
    api: HttpServer, connection: Connection, mine: Caller, cast: Cast, full: bool, length: str
) -> None:
    api.will_answer(200, b"5\r\nhello\r\n0\r\n\r\n", Transfer_Encoding="chunked", Content_Length=length)
    answer = proxied(caller(cast.member) if full else mine, connection)
    assert body_of(answer) == b"hello"
    assert "Content-Length" not in answer


@pytest.mark.parametrize("status", [299, 451, 599, 600, 777, 999])
def test_any_final_status_passes(api: HttpServer, connection: Connection, mine: Caller, status: int) -> None:
    api.will_answer(status, b"body")
    answer = proxied(mine, connection)
    assert (answer.status_code, body_of(answer)) == (status, b"body")


def test_a_response_without_a_final_status_is_our_502(api: HttpServer, connection: Connection, mine: Caller) -> None:
    api.will_answer(101, b"")
    answer = proxied(mine, connection)
    assert (answer.status_code, answer["Specway-Error"]) == (502, "no_answer")


# --- the other kinds ----------------------------------------------------------------------------------------------


@pytest.fixture
def kind_api(kinds: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    with http_server() as running:
        monkeypatch.setattr(destination, "_allowed", frozenset())
        egress.configure(allowed_hosts=[f"127.0.0.1:{running.port}"])
        running.will_answer(200, b'{"ok": true, "id": 1, "name": "x"}')
        yield running


def by_key(api: HttpServer, cast: Cast, slug: str, **fields: str) -> Connection:
    made = connect_with_key(
        actor=cast.actor("member"),
        integration=Integration.objects.get(slug=slug),
        fields=fields,
        params={"origin": api.url},
        if_unchecked="store",
    )
    api.received.clear()
    return made


def test_a_key_is_sent_in_headers_and_query(kind_api: HttpServer, cast: Cast, mine: Caller) -> None:
    key = secrets.token_urlsafe(12) + "/+"
    made = by_key(kind_api, cast, "keyed", account="acme", region="eu west", api_key=key)
    answer = proxied(mine, made, "x?a=%7E&region=mine&b=", headers={"X-Account": "other", "X-Version": "8"})
    assert answer.status_code == 200
    (call,) = kind_api.received
    assert call.path == "/api/x?a=%7E&b=&region=eu+west"
    assert (call.headers["Authorization"], call.headers["X-Account"]) == (f"Token {key}", "acme")
    assert call.headers["X-Version"] == "8"  # a header of the API that is no secret is the caller's to choose


def test_a_key_in_a_url_is_redacted_in_its_encodings(kind_api: HttpServer, cast: Cast, mine: Caller) -> None:
    key = "k/y+" + secrets.token_urlsafe(12)
    made = by_key(kind_api, cast, "keyed", account="acme", region="eu", api_key=key)
    kind_api.answers.clear()
    kind_api.will_answer(200, f"?key={quote(key, safe='')} {key} {json.dumps(key)}".replace("/", "\\/").encode())
    shown = body_of(proxied(mine, made)).decode()
    assert key not in shown.replace("\\/", "/")
    assert quote(key, safe="") not in shown


def test_a_key_in_the_path(kind_api: HttpServer, cast: Cast, mine: Caller) -> None:
    made = by_key(kind_api, cast, "unverifiable", api_key="123456:abcdef".replace(":", "-"))
    assert proxied(mine, made, "getMe").status_code == 200
    assert kind_api.received[0].path == "/bot123456-abcdef/api/getMe"


def test_basic_credentials_are_redacted_in_base64_too(kind_api: HttpServer, cast: Cast, mine: Caller) -> None:
    password = secrets.token_urlsafe(12)
    made = by_key(kind_api, cast, "basic", email="ada@x.example", password=password)
    pair = base64.b64encode(f"ada@x.example:{password}".encode()).decode()
    kind_api.answers.clear()
    kind_api.will_answer(200, f"you sent Basic {pair} that is {password}".encode())
    answer = proxied(mine, made)
    shown = body_of(answer).decode()
    assert kind_api.received[0].headers["Authorization"] == f"Basic {pair}"
    assert password not in shown
    assert pair.rstrip("=") not in shown


def test_client_credentials_are_refreshed_after_a_401(kind_api: HttpServer, cast: Cast, mine: Caller) -> None:
    kind_api.answers.clear()

    def token(text: str) -> None:
        kind_api.will_answer(
            200, json.dumps({"access_token": text, "token_type": "Bearer", "expires_in": 900}).encode()
        )

    first, second = secrets.token_urlsafe(12), secrets.token_urlsafe(12)
    token(first)
    kind_api.will_answer(200, b'{"id": 1, "name": "Bot"}')
    made = by_key(kind_api, cast, "machine", client_id="c1", client_secret="s" * 20)
    kind_api.answers.clear()
    kind_api.will_answer(401, b"")
    token(second)
    kind_api.will_answer(200, b"done")
    assert body_of(proxied(mine, made)) == b"done"
    assert [call.headers.get("Authorization") for call in kind_api.received if call.path == "/api/things"] == [
        f"Bearer {first}", f"Bearer {second}",
    ]  # fmt: skip


def test_an_unreachable_service_is_reported(
    connection: Connection, mine: Caller, api: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from apps.connections.services import signing
    from tests.processes import free_port

    original, nowhere = signing.provider_of, f"127.0.0.1:{free_port()}"
    egress.configure(allowed_hosts=[nowhere])
    monkeypatch.setattr(signing, "provider_of", lambda c: replace(original(c), api_base_url=f"http://{nowhere}"))
    monkeypatch.setattr(signing, "api_hosts", lambda *a, **k: frozenset({nowhere}))
    answer = proxied(mine, connection)
    assert (answer.status_code, answer["Specway-Error"]) == (502, "service_unreachable")
    assert DailyUse.objects.get().failures == 1


def test_credentials_are_not_sent_to_another_host(
    connection: Connection, mine: Caller, api: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.connections.services import signing

    monkeypatch.setattr(signing, "api_hosts", lambda *a, **k: frozenset({"api.elsewhere.example"}))
    answer = proxied(mine, connection)
    assert (answer.status_code, answer["Specway-Error"]) == (400, "foreign_host")
    assert api.received == []


def test_a_signed_request_has_a_signature_over_query_and_form(kind_api: HttpServer, cast: Cast, mine: Caller) -> None:
    from django.utils import timezone
    from oauthlib.oauth1 import Client as Signer

    from apps.connections.models import TokenSet
    from apps.integrations.oauth_apps.services import ensure_oauth_app

    service = Integration.objects.get(slug="signed")
    ensure_oauth_app(integration_slug="signed", client_id="us", client_secret="c" * 20, params={"origin": kind_api.url})
    now = timezone.now()
    made = Connection.objects.create(
        team=cast.team, owner=cast.member.user, integration=service, oauth_app=service.oauth_apps.get(),
        name="Signed", status_changed_at=now, created_at=now,
    )  # fmt: skip
    row = TokenSet(connection=made, team=cast.team, obtained_at=now)
    row.access_token = "token-of-ada"
    row.kept_secrets = json.dumps({"kept": {"oauth_token_secret": "t" * 20}, "secondary": {}})
    row.save(force_insert=True)
    form = {"data": b"a=1&b=two", "content_type": "application/x-www-form-urlencoded", "method": "POST"}
    assert proxied(mine, made, "x?y=%2F1", **form).status_code == 200
    (call,) = kind_api.received
    assert (call.path, call.body) == ("/api/x?y=%2F1", b"a=1&b=two")
    sent = dict(part.strip().split("=", 1) for part in call.headers["Authorization"].removeprefix("OAuth ").split(","))
    again = Signer(
        "us", client_secret="c" * 20, resource_owner_key="token-of-ada", resource_owner_secret="t" * 20,
        nonce=sent["oauth_nonce"].strip('"'), timestamp=sent["oauth_timestamp"].strip('"'),
    )  # fmt: skip
    _, headers, _ = again.sign(
        f"{kind_api.url}/api/x?y=%2F1", "POST", "a=1&b=two", {"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert f"oauth_signature={sent['oauth_signature']}" in headers["Authorization"]


def test_the_client_secret_is_decrypted_only_for_services_that_require_it_per_call(
    api: HttpServer, connection: Connection, mine: Caller, server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from apps.connections.services import signing
    from apps.vault import envelope

    opened: list[str] = []
    decrypt = envelope.decrypt

    def seen(*args: Any, column: str, **more: Any) -> str:
        opened.append(column)
        return decrypt(*args, column=column, **more)

    monkeypatch.setattr(envelope, "decrypt", seen)
    api.will_answer(200, b"{}")
    assert proxied(mine, connection).status_code == 200
    assert opened == ["access_token"]
    provider_of = signing.provider_of
    wanted = {"X-Api-Key": "{client_id}:{client_secret}"}
    monkeypatch.setattr(signing, "provider_of", lambda c: replace(provider_of(c), api_headers=wanted))
    api.answers.clear()
    api.will_answer(200, json.dumps({"you sent": server.client_secret}).encode())
    shown = body_of(proxied(mine, connection))
    assert api.received[-1].headers["X-Api-Key"] == f"{server.client_id}:{server.client_secret}"
    assert b"you sent" in shown
    assert server.client_secret.encode() not in shown
