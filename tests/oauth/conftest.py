"""What the tests of the protocol share: a server on loopback, and a provider that lives there."""

import secrets
from collections.abc import Iterator

import pytest

from apps import egress
from apps.egress import destination
from apps.oauth.provider import ClientCredentials, ProviderConfig
from tests.servers import HttpServer, http_server


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    with http_server() as running:
        monkeypatch.setattr(destination, "_allowed", frozenset())
        egress.configure(allowed_hosts=[f"127.0.0.1:{running.port}"])
        yield running


@pytest.fixture
def provider(server: HttpServer) -> ProviderConfig:
    return ProviderConfig(
        slug="example",
        name="Example",
        authorization_url=f"{server.url}/authorize",
        token_url=f"{server.url}/token",
    )


@pytest.fixture
def credentials() -> ClientCredentials:
    """Fresh ones, with all the characters that must be encoded."""
    return ClientCredentials("client & co: ü", secrets.token_urlsafe() + "+/:% ")
