"""Each scenario, chosen at sign-in and changed afterwards, as a client meets it."""

import re
import time

import pytest
import requests

from .cast import Client, Person


def set_scenario(client: Client, scenario: str, token: str) -> requests.Response:
    """Changes the scenario of the grant that `token` belongs to, as a person does on the sandbox's page."""
    client.get("/api/messages", token)
    grant_id = [line["grant_id"] for line in client.sandbox.journal() if line["endpoint"] == "GET /api/messages"][-1]
    return change(client, scenario, grant_id)


def change(client: Client, scenario: str, grant_id: int) -> requests.Response:
    person = Person(client)
    page = person.browser.get(client.sandbox.url + "/", timeout=60).text
    return person.submit(f"{client.sandbox.url}/grants/{grant_id}/scenario", page, scenario=scenario)


def last_grant_id(client: Client) -> int:
    return [line["grant_id"] for line in client.sandbox.journal() if line["endpoint"] == "authorize"][-1]


def test_a_service_that_is_down_fails_the_exchange_and_says_when_to_come_back(client: Client) -> None:
    code = Person(client).travel(scenario="down")["code"]
    answer = client.exchange(code)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert client.sandbox.journal()[-1]["outcome"] == "unavailable"


def test_a_service_that_answers_html_fails_the_exchange_with_status_200(client: Client) -> None:
    code = Person(client).travel(scenario="html")["code"]
    answer = client.exchange(code)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert client.sandbox.journal()[-1]["outcome"] == "html"


def test_a_code_survives_the_failed_exchange(client: Client) -> None:
    code = Person(client).travel(scenario="down")["code"]
    assert client.exchange(code).status_code == 503
    change(client, "works", last_grant_id(client))
    assert client.exchange(code).status_code == 200


def test_a_slow_service_answers_rightly_after_three_seconds(client: Client) -> None:
    code = Person(client).travel(scenario="slow")["code"]
    started = time.monotonic()
    assert client.exchange(code).status_code == 200
    assert time.monotonic() - started >= 3


def test_a_revoked_grant_shows_its_account_once_and_is_dead_then(client: Client) -> None:
    tokens = client.connect(scenario="revoked")
    assert client.get("/api/me", tokens["access_token"]).json()["id"] == "ada"
    refused = client.get("/api/me", tokens["access_token"])
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_refused_refreshes_leave_the_access_token_alive(client: Client) -> None:
    tokens = client.connect(scenario="refresh_refused")
    answer = client.refresh(tokens["refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert client.get("/api/me", tokens["access_token"]).status_code == 200


@pytest.mark.parametrize("asked", [{}, {"scope": "profile messages:read messages:write"}])
def test_a_permission_is_taken_away_at_the_refresh(client: Client, asked: dict[str, str]) -> None:
    tokens = client.connect(scenario="scope_removed")
    assert client.post("/api/messages", tokens["access_token"], {"text": "Hello"}).status_code == 201
    less = client.refresh(tokens["refresh_token"], **asked).json()
    assert set(less["scope"].split()) == {"profile", "messages:read"}
    assert client.post("/api/messages", less["access_token"], {"text": "Hello"}).status_code == 403


@pytest.mark.parametrize("scenario", ["revoked", "refresh_refused", "down", "html"])
def test_a_connected_grant_fails_when_told_to_and_recovers_with_the_same_tokens(client: Client, scenario: str) -> None:
    tokens = client.connect()
    assert set_scenario(client, scenario, tokens["access_token"]).status_code == 302
    failed = client.refresh(tokens["refresh_token"])
    assert failed.status_code in (400, 503) or failed.headers["Content-Type"].startswith("text/html")
    if scenario == "revoked":
        assert client.get("/api/me", tokens["access_token"]).status_code == 401
    change(client, "works", client.sandbox.refreshes()[-1]["grant_id"])
    assert client.refresh(tokens["refresh_token"]).status_code == 200


def test_what_was_taken_away_comes_back_with_everything_works(client: Client) -> None:
    tokens = client.connect(scenario="scope_removed")
    less = client.refresh(tokens["refresh_token"]).json()
    change(client, "works", client.sandbox.refreshes()[-1]["grant_id"])
    again = client.refresh(less["refresh_token"]).json()
    assert "messages:write" in again["scope"].split()


def test_one_grant_failing_leaves_the_others_alone(client: Client) -> None:
    fine, broken = client.connect(), client.connect(scenario="refresh_refused")
    assert client.refresh(broken["refresh_token"]).status_code == 400
    assert client.refresh(fine["refresh_token"]).status_code == 200


@pytest.mark.parametrize("scenario", ["deny", "nonsense", ""])
def test_only_scenarios_of_a_living_grant_can_be_set_afterwards(client: Client, scenario: str) -> None:
    tokens = client.connect()
    assert set_scenario(client, scenario, tokens["access_token"]).status_code == 400


def test_a_scenario_is_changed_by_a_form_only(client: Client) -> None:
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
