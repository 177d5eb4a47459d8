"""Each scenario, chosen at sign-in or later, as a client sees it."""

import re
import time

import pytest
import requests

from .cast import Client, Person


def set_scenario(client: Client, scenario: str, token: str) -> requests.Response:
    """Change the scenario of the token's grant on the sandbox's page."""
    client.get("/api/messages", token)
    grant_id = [line["grant_id"] for line in client.sandbox.journal() if line["endpoint"] == "GET /api/messages"][-1]
    return change(client, scenario, grant_id)


def change(client: Client, scenario: str, grant_id: int) -> requests.Response:
    person = Person(client)
    page = person.browser.get(client.sandbox.url + "/", timeout=60).text
    return person.submit(f"{client.sandbox.url}/grants/{grant_id}/scenario", page, scenario=scenario)


def last_grant_id(client: Client) -> int:
    return [line["grant_id"] for line in client.sandbox.journal() if line["endpoint"] == "authorize"][-1]


def test_the_down_scenario_fails_the_exchange_with_503_and_retry_after(client: Client) -> None:
    code = Person(client).authorize(scenario="down")["code"]
    response = client.exchange(code)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert client.sandbox.journal()[-1]["outcome"] == "unavailable"


def test_the_html_scenario_answers_the_exchange_with_html_and_status_200(client: Client) -> None:
    code = Person(client).authorize(scenario="html")["code"]
    response = client.exchange(code)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    assert client.sandbox.journal()[-1]["outcome"] == "html"


def test_a_code_is_still_valid_after_a_failed_exchange(client: Client) -> None:
    code = Person(client).authorize(scenario="down")["code"]
    assert client.exchange(code).status_code == 503
    change(client, "works", last_grant_id(client))
    assert client.exchange(code).status_code == 200


def test_the_slow_scenario_responds_after_three_seconds(client: Client) -> None:
    code = Person(client).authorize(scenario="slow")["code"]
    started = time.monotonic()
    assert client.exchange(code).status_code == 200
    assert time.monotonic() - started >= 3


def test_a_revoked_grant_returns_its_account_once_and_is_then_rejected(client: Client) -> None:
    tokens = client.connect(scenario="revoked")
    assert client.get("/api/me", tokens["access_token"]).json()["id"] == "ada"
    refused = client.get("/api/me", tokens["access_token"])
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_the_access_token_stays_valid_when_refreshing_is_refused(client: Client) -> None:
    tokens = client.connect(scenario="refresh_refused")
    response = client.refresh(tokens["refresh_token"])
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
    assert client.get("/api/me", tokens["access_token"]).status_code == 200


@pytest.mark.parametrize("fields", [{}, {"scope": "profile messages:read messages:write"}])
def test_a_refresh_returns_fewer_scopes_in_the_scope_removed_scenario(client: Client, fields: dict[str, str]) -> None:
    tokens = client.connect(scenario="scope_removed")
    assert client.post("/api/messages", tokens["access_token"], {"text": "Hello"}).status_code == 201
    less = client.refresh(tokens["refresh_token"], **fields).json()
    assert set(less["scope"].split()) == {"profile", "messages:read"}
    assert client.post("/api/messages", less["access_token"], {"text": "Hello"}).status_code == 403


@pytest.mark.parametrize("scenario", ["revoked", "refresh_refused", "down", "html"])
def test_a_grant_fails_by_its_scenario_and_recovers_with_the_same_tokens(client: Client, scenario: str) -> None:
    tokens = client.connect()
    assert set_scenario(client, scenario, tokens["access_token"]).status_code == 302
    failed = client.refresh(tokens["refresh_token"])
    assert failed.status_code in (400, 503) or failed.headers["Content-Type"].startswith("text/html")
    if scenario == "revoked":
        assert client.get("/api/me", tokens["access_token"]).status_code == 401
    change(client, "works", client.sandbox.refreshes()[-1]["grant_id"])
    assert client.refresh(tokens["refresh_token"]).status_code == 200


def test_a_removed_scope_returns_when_the_scenario_ends(client: Client) -> None:
    tokens = client.connect(scenario="scope_removed")
    less = client.refresh(tokens["refresh_token"]).json()
    change(client, "works", client.sandbox.refreshes()[-1]["grant_id"])
    again = client.refresh(less["refresh_token"]).json()
    assert "messages:write" in again["scope"].split()


def test_a_scenario_affects_its_own_grant_only(client: Client) -> None:
    fine, broken = client.connect(), client.connect(scenario="refresh_refused")
    assert client.refresh(broken["refresh_token"]).status_code == 400
    assert client.refresh(fine["refresh_token"]).status_code == 200


@pytest.mark.parametrize("scenario", ["deny", "nonsense", ""])
def test_scenarios_of_the_authorization_flow_cannot_be_set_later(client: Client, scenario: str) -> None:
    tokens = client.connect()
    assert set_scenario(client, scenario, tokens["access_token"]).status_code == 400


def test_a_scenario_is_changed_only_by_post_with_a_csrf_token(client: Client) -> None:
    client.connect()
    address = f"{client.sandbox.url}/grants/{last_grant_id(client)}/scenario"
    assert requests.get(address, params={"scenario": "down"}, timeout=60).status_code == 405
    assert requests.post(address, data={"scenario": "down"}, timeout=60).status_code == 403


def test_the_login_page_explains_every_scenario(client: Client) -> None:
    page = Person(client).browser.get(client.authorization_url(), timeout=60).text
    offered = re.findall(r'name="scenario"\s+value="([^"]+)"', page)
    assert offered == [
        "works", "deny", "partial", "other_account", "slow", "down", "html", "revoked", "refresh_refused",
        "scope_removed",
    ]  # fmt: skip
