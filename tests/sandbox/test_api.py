"""The sandbox's API, called with bearer tokens."""

import secrets

import pytest
import requests

from .cast import Client


def test_messages_are_posted_and_read(client: Client) -> None:
    token = client.connect()["access_token"]
    text = secrets.token_hex(8)
    posted = client.post("/api/messages", token, {"text": text})
    assert posted.status_code == 201
    assert client.get("/api/messages", token).json()["messages"][-1] == posted.json()
    assert posted.json()["text"] == text


def test_messages_are_visible_to_their_own_account_only(client: Client) -> None:
    text = secrets.token_hex(8)
    client.post("/api/messages", client.connect(account="ada")["access_token"], {"text": text})
    assert text not in client.get("/api/messages", client.connect(account="grace")["access_token"]).text


@pytest.mark.parametrize("body", [{}, [], None, {"text": ""}, {"text": 7}, {"text": "x" * 1001}, {"text": "\0"}])
def test_an_invalid_message_is_rejected(client: Client, body: object) -> None:
    assert client.post("/api/messages", client.connect()["access_token"], body).status_code == 400


def test_the_challenge_has_no_error_code_without_a_token(client: Client) -> None:
    response = requests.get(f"{client.sandbox.url}/api/me", timeout=60)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="sandbox"'


def test_an_unknown_token_is_rejected(client: Client) -> None:
    response = client.get("/api/me", secrets.token_urlsafe(24))
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


def test_a_token_in_the_query_is_not_accepted(client: Client) -> None:
    token = client.connect()["access_token"]
    assert requests.get(f"{client.sandbox.url}/api/me?access_token={token}", timeout=60).status_code == 401
