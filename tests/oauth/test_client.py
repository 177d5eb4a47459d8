"""apps.oauth.client against a real server on loopback."""

import json
import secrets
from collections.abc import Iterator

import pytest

from apps import egress
from apps.egress import destination
from apps.oauth import client
from apps.oauth.provider import ClientCredentials, ProviderConfig
from tests.servers import HttpServer, http_server


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    with http_server() as running:
        monkeypatch.setattr(destination, "_allowed", frozenset())
        egress.configure(allowed_hosts=[f"127.0.0.1:{running.port}"])
        yield running


@pytest.fixture
def credentials() -> ClientCredentials:
    return ClientCredentials("client & co", secrets.token_urlsafe() + "+/:%")


def provider_at(server: HttpServer, **facts: object) -> ProviderConfig:
    return ProviderConfig(  # type: ignore[arg-type]
        **{
            "slug": "example",
            "name": "Example",
            "authorization_url": f"{server.url}/authorize",
            "token_url": f"{server.url}/token",
        }
        | facts
    )


def answer_with(server: HttpServer, **fields: object) -> dict[str, object]:
    document = {"access_token": secrets.token_urlsafe(), "token_type": "Bearer", **fields}
    server.will_answer(200, json.dumps(document).encode())
    return document


def test_exchange_sends_code_verifier_and_redirect_uri(server: HttpServer, credentials: ClientCredentials) -> None:
    document = answer_with(server, scope="other", expires_in=0, refresh_token="r")
    answer = client.exchange_code(
        provider_at(server), credentials, code="the-code", redirect_uri="https://us.test/cb", code_verifier="v" * 43
    )
    assert answer.access_token == document["access_token"]
    assert answer.expires_in == 0
    assert answer.scopes == {"other"}
    [received] = server.received
    assert received.form == {
        "grant_type": "authorization_code",
        "code": "the-code",
        "redirect_uri": "https://us.test/cb",
        "code_verifier": "v" * 43,
    }
    assert received.headers["Authorization"] == credentials.basic()


def test_refresh_sends_the_refresh_token(server: HttpServer, credentials: ClientCredentials) -> None:
    document = answer_with(server)
    answer = client.refresh(
        provider_at(server, token_endpoint_auth_method="client_secret_post"), credentials, refresh_token="r"
    )
    assert answer.access_token == document["access_token"]
    assert answer.refresh_token is None
    assert server.received[0].form == {
        "grant_type": "refresh_token",
        "refresh_token": "r",
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
    }


def test_client_credentials_names_the_scopes(server: HttpServer, credentials: ClientCredentials) -> None:
    answer_with(server)
    client.client_credentials(provider_at(server, scope_separator=","), credentials, scopes=["a", "b"])
    assert server.received[0].form == {"grant_type": "client_credentials", "scope": "a,b"}
