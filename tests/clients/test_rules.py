"""What the Python package does without a server to look at: repetitions, addresses, pages, exit codes, signatures."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from specway import ApiError, Client, ForeignAddressError, ProxyTarget, WebhookError, cli, types, verify_webhook

URL = "https://connections.example.com"
ID = "7d1f0c1e-8a52-4a3c-9a3b-0c7f0a4f6a11"
PROXY = f"{URL}/api/v1/connections/{ID}/proxy/"
Respond = Callable[[httpx.Request], httpx.Response]


def client(*responses: httpx.Response | Exception) -> tuple[Client, list[httpx.Request]]:
    """A client that gets these responses, and the requests that it sent."""
    left, sent = list(responses), []

    def respond(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        following = left.pop(0)
        if isinstance(following, Exception):
            raise following
        return following

    return Client("spw_key_text", url=URL, max_wait=1, transport=httpx.MockTransport(respond)), sent


def refused(status: int, code: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={"code": code, "detail": "No.", "title": "T"}, headers=named)


@pytest.mark.parametrize(
    "first",
    [
        refused(429, "rate_limited", Retry_After="0"),
        refused(503, "service_unavailable", Retry_After="0"),
        refused(409, "idempotency_key_in_use", Retry_After="0"),
        httpx.ReadError("lost"),
    ],
)
def test_a_request_is_repeated_where_the_api_says_so_with_the_same_idempotency_key(first: Any) -> None:
    made, sent = client(first, httpx.Response(201, json={"id": ID}))
    assert made.create_connect_session(integration="github")["id"] == ID
    keys = [request.headers["Idempotency-Key"] for request in sent]
    assert len(keys) == 2
    assert keys[0] == keys[1] != ""


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (refused(429, "rate_limited"), "rate_limited"),
        (refused(429, "rate_limited", Retry_After="2"), "rate_limited"),
        (refused(502, "service_unreachable", Retry_After="0"), "service_unreachable"),
        (refused(409, "reauthorization_required", Retry_After="0"), "reauthorization_required"),
        (httpx.Response(500, text="<html>"), "error"),
    ],
)
def test_nothing_else_is_repeated(first: httpx.Response, code: str) -> None:
    made, sent = client(first)
    with pytest.raises(ApiError) as raised:
        made.token(ID)
    assert (raised.value.code, len(sent)) == (code, 1)


def test_a_disconnect_is_not_repeated_after_a_lost_connection() -> None:
    made, sent = client(httpx.ReadError("lost"))
    with pytest.raises(httpx.ReadError):
        made.disconnect(ID)
    assert len(sent) == 1


def test_the_key_goes_only_to_the_installation_and_shows_nowhere() -> None:
    page = {"results": [{"id": "1"}], "next": "https://elsewhere.example/api/v1/connections/?cursor=abc&page_size=9"}
    made, sent = client(
        httpx.Response(200, json=page), httpx.Response(200, json={"results": [{"id": "2"}], "next": None})
    )
    assert [one["id"] for one in made.connections(tags=["a", "b"])] == ["1", "2"]
    assert [str(request.url) for request in sent] == [
        f"{URL}/api/v1/connections/?tags=a%2Cb",
        f"{URL}/api/v1/connections/?tags=a%2Cb&cursor=abc",
    ]
    assert "spw_key" not in repr(made.settings) + repr(made.proxy_target(ID))
    with pytest.raises(ValueError, match="is not an ID"):
        made.connection("../members")


@pytest.mark.parametrize(
    ("requested", "called"),
    [
        ("https://api.example.com/v2/items?x=%2F&x=2", f"{PROXY}items?x=%2F&x=2"),
        ("https://API.example.com:443/v2", PROXY),
        (f"{PROXY}items", f"{PROXY}items"),
        ("https://up.example.com/f/a%20b", f"{PROXY}@upload/f/a%20b"),
    ],
)
def test_addresses_of_the_service_become_addresses_of_the_proxy(requested: str, called: str) -> None:
    hosts = {"upload": "https://up.example.com"}
    assert ProxyTarget(PROXY, "https://api.example.com/v2/", "spw_key", hosts).url(requested) == called


@pytest.mark.parametrize(
    "requested",
    [
        "https://api.example.com/v3/items",
        "https://api.example.com/v2extra",
        "http://api.example.com/v2/items",
        "https://api.example.com.evil.example/v2/items",
        "https://api.example.com/v2/../../../../members/",
        "https://api.example.com/v2/%2e%2E/%2e%2e/%2e%2e/members/",
        "https://api.example.com/v2/..%2f..%5c../members/",
        f"{PROXY}../../",
        f"{URL}/api/v1/members/",
    ],
)
def test_other_addresses_are_not_called(requested: str) -> None:
    with pytest.raises(ForeignAddressError):
        ProxyTarget(PROXY, "https://api.example.com/v2", "spw_key").url(requested)


def test_a_webhook_that_is_not_signed_with_the_secret_is_refused() -> None:
    secret, body, now = "whsec_" + "a" * 32, '{"type": "connection.created", "data": {}}', datetime.now(UTC)
    headers = {
        "Webhook-Id": "m1",
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": Webhook(secret).sign("m1", now, body),
    }
    assert verify_webhook(body.encode(), headers, secret)["type"] == "connection.created"
    for changed, wrong in ((body.replace("created", "removed"), secret), (body, "whsec_" + "b" * 32)):
        with pytest.raises(WebhookError):
            verify_webhook(changed, headers, wrong)
    with pytest.raises(WebhookError):
        verify_webhook(body, headers | {"Webhook-Timestamp": "1"}, secret)


@pytest.mark.parametrize(
    ("status", "code", "exit_status"),
    [(409, "reauthorization_required", 4), (403, "permission_denied", 3), (429, "rate_limited", 5), (502, "x", 5)],
)
def test_exit_codes_say_what_kind_of_failure_it_was(
    status: int, code: str, exit_status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "Client", lambda: client(refused(status, code))[0])
    assert cli.main(["token", ID]) == exit_status
    assert json.loads(capsys.readouterr().err)["code"] == code


def test_the_command_line_needs_an_address_and_a_key_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    for name in ("SPECWAY_URL", "SPECWAY_API_KEY", "SPECWAY_API_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert cli.main(["connections"]) == cli.Exit.USAGE
    monkeypatch.setenv("SPECWAY_URL", URL)
    assert cli.main(["connections"]) == cli.Exit.USAGE
    assert "SPECWAY_API_KEY_FILE" in capsys.readouterr().err
    (tmp_path / "key").write_text("spw_from_file\n")
    monkeypatch.setenv("SPECWAY_API_KEY_FILE", str(tmp_path / "key"))
    with Client() as made:
        assert made.settings.api_key == "spw_from_file"


DESCRIBED = {
    "Account": types.Account,
    "BrowserToken": types.BrowserToken,
    "CheckItem": types.CheckItem,
    "CheckResult": types.CheckResult,
    "ConnectSession": types.ConnectSession,
    "Connection": types.Connection,
    "Day": types.Day,
    "Disconnected": types.Disconnected,
    "ItemError": types.ItemError,
    "KeyMaterial": types.KeyMaterial,
    "LastError": types.LastError,
    "Limit": types.Limit,
    "Link": types.ConnectLink,
    "Member": types.Member,
    "NewBrowserTokenRequest": types.NewBrowserToken,
    "NewConnectSessionRequest": types.NewConnectSession,
    "Owner": types.Owner,
    "Preflight": types.Preflight,
    "PreflightItem": types.PreflightItem,
    "PreflightItemRequestRequest": types.PreflightNeed,
    "Scopes": types.Scopes,
    "SessionSharingRequest": types.SessionSharing,
    "SharingAnswer": types.SharingAnswer,
    "TeamUsage": types.TeamUsage,
    "Token": types.Token,
    "TokenItem": types.TokenItem,
    "TokenRequestRequest": types.TokenNeed,
}


def test_the_types_have_the_fields_of_the_document() -> None:
    from drf_spectacular.generators import SchemaGenerator

    document = SchemaGenerator().get_schema(request=None, public=True)
    schemas = document["components"]["schemas"]
    for name, described in DESCRIBED.items():
        schema = schemas[name]
        assert set(schema["properties"]) == set(described.__annotations__), name
        if "Request" not in name:
            assert set(schema.get("required", [])) == described.__required_keys__, name
    filters = document["paths"]["/api/v1/connections/"]["get"]["parameters"]
    named = {one["name"] for one in filters if one["in"] == "query"} - {"cursor", "include"}
    assert named == set(types.ConnectionFilters.__annotations__)
