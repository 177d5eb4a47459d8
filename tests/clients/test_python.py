"""A builder's day with the Python package at a running product: both clients, the command line, and vendors' SDKs."""

import asyncio
import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe
from slack_sdk import WebClient

from specway import ApiError, AsyncClient, Client, ForeignAddressError, NoTokenError, verify_webhook
from tests.clients.conftest import OWNER, PAGES, Day
from tests.clients.made_as_documented import link_generated_client
from tests.clients.programs import a_day, check_generated
from tests.e2e.cast import is_accepted

pytestmark = pytest.mark.xdist_group("clients")


@pytest.fixture
def client(day: Day) -> Any:
    with Client(day.key, url=day.product.url) as made:
        yield made


@pytest.fixture(params=["service", "personal"])
def key(day: Day, request: pytest.FixtureRequest) -> str:
    return day.key if request.param == "service" else day.personal


def test_the_day_from_a_session_with_sharing_to_the_disconnect(day: Day, key: str) -> None:
    with Client(key, url=day.product.url) as client:
        whole_day(day, client, "python" if key == day.key else "python-personal")


def whole_day(day: Day, client: Client, name: str) -> None:
    events = ["connect_session.connected", "connection.disconnected"]
    hook = client.request("POST", "webhooks/", body={"url": day.around.hooks(name), "events": events})
    link = client.create_connect_session(
        integration="sandbox", member=OWNER, sharing={"level": "manage"}, external_id=f"day-{name}"
    )
    day.person_connects(link["url"])
    session = client.wait_for_connect_session(link["id"], timeout=60, interval=0.1)
    assert (session["status"], session["external_id"]) == ("connected", f"day-{name}")
    connection = session["connection"]
    assert connection is not None
    assert [one["id"] for one in client.connections(external_id=f"day-{name}", page_size=1)] == [connection]

    headers, body = day.around.message(name, "connect_session.connected", connection)
    message = verify_webhook(body, headers, ["whsec_" + "b" * 32, hook["secret"]])
    assert message["data"]["connect_session"] == link["id"]

    token = client.token(connection, min_ttl=60)
    assert token["min_ttl_met"]
    assert is_accepted(day.product.sandbox, token["access_token"])  # type: ignore[arg-type]
    assert client.tokens([connection, day.slack])[1]["token"] is not None
    assert client.check(connection)["outcome"] == "works"
    with client.http_client(connection) as service:
        assert service.get("me").json()["name"].startswith("Ada")
    assert client.preflight([connection, {"connection": day.slack, "duration": 60}])["usable"]
    asked = {"connection": connection, "scopes": ["messages:write"]}
    assert client.preflight([asked])["results"][0]["code"] == "missing_scopes"  # type: ignore[list-item]

    assert client.usage(days=2)["calls"] > 0
    assert OWNER in [member["email"] for member in client.members()]

    assert "revocation" in client.disconnect(connection)
    day.around.message(name, "connection.disconnected", connection)
    with pytest.raises(ApiError) as gone:
        client.token(connection)
    assert (gone.value.status, gone.value.code) == (404, "not_found")


def test_a_browser_token_lists_and_calls_from_its_origin_only(day: Day, key: str) -> None:
    with Client(key, url=day.product.url) as client:
        scopes = ["connections:read", "connections:use"]
        made = client.create_browser_token(origin=PAGES, scopes=scopes, expires_in=120)
    api = f"{day.product.url}/api/v1/connections/"

    def asked(method: str, path: str, origin: str = PAGES) -> requests.Response:
        headers = {"Authorization": f"Bearer {made['token']}", "Origin": origin}
        return requests.request(method, f"{api}{path}", headers=headers, timeout=60)

    assert day.github in [one["id"] for one in asked("GET", "").json()["results"]]
    assert asked("GET", f"{day.github}/proxy/missing").status_code == 404
    assert asked("POST", f"{day.github}/token/").status_code == 403
    assert asked("GET", "", origin="https://other.example.com").status_code == 401


def test_the_day_with_a_generated_client(day: Day, tmp_path: Path) -> None:
    link_generated_client(day.product.url, tmp_path)
    shutil.copy(Path(__file__).with_name("generated.py"), tmp_path / "program.py")
    check_generated(day, *a_day(day, "openapi-python", [sys.executable, "program.py"], tmp_path))


def test_asyncio_has_the_same(day: Day) -> None:
    async def run() -> None:
        async with AsyncClient(day.key, url=day.product.url) as client:
            found = [one["id"] async for one in client.connections(id=[day.slack, day.github], page_size=1)]
            assert sorted(found) == sorted([day.slack, day.github])
            assert day.secret in json.dumps(await client.credentials(day.github))
            with pytest.raises(NoTokenError):
                await client.token(day.github)
            link = await client.create_connect_session(integration="sandbox", member=OWNER)
            assert (await client.cancel_connect_session(link["id"]))["status"] == "canceled"
            assert (await client.wait_for_connect_session(link["id"]))["status"] == "canceled"
            assert (await client.usage())["limits"]
            assert OWNER in [member["email"] async for member in client.members()]
            assert (await client.create_browser_token(origin=PAGES, scopes=["connections:read"]))["token"]
            base_url = "https://api.github.example"
            async with client.http_client(day.github, base_url=base_url) as service:
                made = await service.post("/repos/octo/hello/issues", content=_slowly(b'{"title": ', b'"streamed"}'))
                assert (made.status_code, made.json()["title"]) == (201, "streamed")
                assert (await service.get("/missing")).status_code == 404
                with pytest.raises(ForeignAddressError):
                    await service.get("https://elsewhere.example/")

    with ThreadPoolExecutor(1) as thread:  # in this one, Playwright's event loop may run
        thread.submit(asyncio.run, run()).result()


async def _slowly(*blocks: bytes) -> Any:
    for block in blocks:
        yield block


def test_slacks_sdk_works_with_the_proxy_as_its_base_url(day: Day, client: Client) -> None:
    answer = WebClient(token=day.key, base_url=client.proxy_url(day.slack)).chat_postMessage(channel="C1", text="hello")
    assert answer["ok"]
    method, path, authorization, body = day.around.requests[-1]
    assert (method, path, authorization) == ("POST", "/slack/api/chat.postMessage", f"Bearer {day.secret}")
    assert "hello" in body


def test_stripes_sdk_works_with_the_session_of_requests(day: Day, client: Client) -> None:
    with client.requests_session(day.github, base_url="https://api.stripe.com") as session:
        sdk = stripe.StripeClient("sk_test_unused", http_client=stripe.RequestsClient(session=session))
        assert sdk.v1.customers.create({"email": "ada@example.com"}).id == "cus_1"
        method, path, authorization, body = day.around.requests[-1]
        assert (method, path, authorization) == ("POST", "/github/v1/customers", f"Bearer {day.secret}")
        assert body == "email=ada%40example.com"
        with pytest.raises(ForeignAddressError):
            session.get("https://elsewhere.example/", timeout=5)


def test_responses_are_streamed_by_both_transports(day: Day, client: Client) -> None:
    base_url = "https://api.github.example"
    with client.http_client(day.github, base_url=base_url) as service, service.stream("GET", "events") as response:
        events = response.iter_text()
        assert next(events) == "data: 1\n\n"
        service.get("go-on")
        assert next(events) == "data: 2\n\n"
    with (
        client.requests_session(day.github, base_url=base_url) as session,
        session.get(f"{base_url}/events", stream=True, timeout=60) as streamed,
    ):
        blocks = streamed.iter_content(None)
        assert next(blocks) == b"data: 1\n\n"
        session.get(f"{base_url}/go-on", timeout=60)
        assert next(blocks) == b"data: 2\n\n"


def test_failures_of_specway_are_exceptions_of_its_own_in_both_transports(day: Day, client: Client) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    with client.http_client(unknown) as service, pytest.raises(ApiError) as first:
        service.get("me")
    with client.requests_session(unknown, base_url="https://a.example") as session, pytest.raises(ApiError) as second:
        session.get("https://a.example/me", timeout=60)
    assert {first.value.code, second.value.code} == {"not_found"}


@pytest.mark.parametrize(
    ("arguments", "status", "shown"),
    [
        (["connections", "--search", "Code"], 0, '"id": "{github}"'),
        (["check", "{github}"], 0, '"nothing_to_call"'),
        (["token", "{github}"], 0, "{secret}"),
        (["call", "{github}", "POST", "repos/octo/hello/issues", "--data", '{{"title": "cli"}}'], 0, '"title": "cli"'),
        (["call", "{github}", "GET", "missing"], 1, "Not Found"),
        (["preflight", "{github}", "{slack}"], 0, '"usable": true'),
        (["preflight", "00000000-0000-4000-8000-000000000000"], 1, '"usable": false'),
        (["check", "00000000-0000-4000-8000-000000000000"], 3, '"not_found"'),
        (["check", "not-an-id"], 2, "is not an ID"),
    ],
)
def test_the_command_line_answers_scripts(day: Day, arguments: list[str], status: int, shown: str) -> None:
    named = {"github": day.github, "slack": day.slack, "secret": day.secret}
    done = subprocess.run(
        [sys.executable, "-m", "specway", *(each.format(**named) for each in arguments)],
        env=day.env | {"PYTHONPATH": "clients/python/src"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert (shown.format(**named) if shown.startswith(('"id', "{")) else shown) in done.stdout + done.stderr
    if status == 0:
        assert done.stderr == ""
