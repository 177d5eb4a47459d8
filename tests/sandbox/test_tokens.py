"""Tokens: exchange, refresh with rotation and reuse detection, revocation, concurrency."""

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from .cast import CALLBACK, Client, Person
from .server import running_sandbox


def test_a_code_works_once(client: Client) -> None:
    code = Person(client).authorize()["code"]
    assert client.exchange(code).status_code == 200
    again = client.exchange(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_a_code_with_another_verifier_or_redirect_uri_is_rejected(client: Client) -> None:
    code = Person(client).authorize()["code"]
    assert client.exchange(code, code_verifier=secrets.token_urlsafe(48)).json()["error"] == "invalid_grant"
    assert client.exchange(code, redirect_uri="http://127.0.0.1:9/elsewhere").status_code == 400


def test_a_wrong_client_secret_is_invalid_client(client: Client) -> None:
    tokens = client.connect()
    data = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    auth = (client.sandbox.client_id, secrets.token_urlsafe(24))
    answer = requests.post(f"{client.sandbox.url}/o/token/", data=data, auth=auth, timeout=60)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert client.refresh(tokens["refresh_token"]).status_code == 200


def test_the_client_secret_is_accepted_in_the_body_too(client: Client) -> None:
    tokens = client.connect()
    data = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    data |= {"client_id": client.sandbox.client_id, "client_secret": client.sandbox.client_secret}
    assert requests.post(f"{client.sandbox.url}/o/token/", data=data, timeout=60).status_code == 200


def test_a_refresh_rotates_both_tokens(client: Client) -> None:
    first = client.connect()
    second = client.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert client.get("/api/me", second["access_token"]).status_code == 200


def test_reuse_of_a_rotated_refresh_token_revokes_the_whole_family(client: Client) -> None:
    first = client.connect()
    second = client.refresh(first["refresh_token"]).json()
    reused = client.refresh(first["refresh_token"])
    assert (reused.status_code, reused.json()["error"]) == (400, "invalid_grant")
    assert client.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"
    assert client.get("/api/me", second["access_token"]).status_code == 401


def test_only_one_of_several_concurrent_refreshes_succeeds(client: Client) -> None:
    token = client.connect()["refresh_token"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.refresh(token), range(8)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] + [400] * 7
    assert all(answer.json()["access_token"] for answer in answers if answer.status_code == 200)


@pytest.mark.parametrize("which", ["refresh_token", "access_token"])
def test_revoking_either_token_revokes_both(client: Client, which: str) -> None:
    tokens = client.connect()
    assert client.get("/api/me", tokens["access_token"]).status_code == 200
    assert client.revoke(tokens[which]).status_code == 200
    refused = client.get("/api/me", tokens["access_token"])
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_an_access_token_expires(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, redirect_uris=[CALLBACK], access_token_seconds=1) as sandbox:
        client = Client(sandbox)
        tokens = client.connect()
        assert tokens["expires_in"] == 1
        for _ in range(100):
            if client.get("/api/me", tokens["access_token"]).status_code == 401:
                break
            time.sleep(0.1)
        assert client.get("/api/me", tokens["access_token"]).status_code == 401
        assert client.refresh(tokens["refresh_token"]).status_code == 200


def test_fifty_concurrent_calls_and_refreshes_all_succeed(client: Client) -> None:
    grants = [client.connect() for _ in range(3)]
    reader = client.connect()

    def call(number: int) -> int:
        if number % 20 == 0:
            return client.refresh(grants[number // 20]["refresh_token"]).status_code
        return client.get("/api/me", reader["access_token"]).status_code

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(call, range(60))) == {200}


def test_the_journal_records_each_request_without_secrets(client: Client) -> None:
    code = Person(client).authorize(account="grace")["code"]
    tokens = client.exchange(code).json()
    client.get("/api/me", tokens["access_token"])
    renewed = client.refresh(tokens["refresh_token"]).json()
    client.revoke(renewed["refresh_token"])
    journal = client.sandbox.journal()
    grant_id = [line["grant_id"] for line in journal if line["account"].startswith("Grace")][-1]
    lines = [line for line in journal if line["grant_id"] == grant_id]
    assert [(line["endpoint"], line["grant_type"], line["outcome"], line["status"]) for line in lines] == [
        ("authorize", "", "approved", 302),
        ("token", "authorization_code", "ok", 200),
        ("GET /api/me", "", "ok", 200),
        ("token", "refresh_token", "ok", 200),
        ("revoke", "", "ok", 200),
    ]
    assert {line["account"] for line in lines} == {"Grace Example <grace@sandbox.example>"}
    assert {line["client"] for line in lines} == {"specway"}
    pages = requests.get(client.sandbox.url, timeout=60).text + str(journal)
    for secret in (code, tokens["access_token"], tokens["refresh_token"], renewed["access_token"]):
        assert secret not in pages
