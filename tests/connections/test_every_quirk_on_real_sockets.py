"""Every kind of service and every way in which one departs from the RFCs, through the connection services.

What was sent is read from the service's own notes. A key of the catalogue's schema that no case uses fails here.
"""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps import egress
from apps.egress import destination
from apps.integrations import catalogue
from apps.integrations.services import ensure_oauth_app, load_catalogue
from apps.oauth.provider import ClientCredentials
from tests.authserver.dialect import DialectServer, dialect_server
from tests.connections.conftest import Cast
from tests.connections.quirks import consent, ending, living, tokens  # noqa: F401 - they register their cases
from tests.connections.quirks.files import as_toml
from tests.connections.quirks.story import CASES, live

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty catalogue, to be filled before it is read."""
    settings.SPOOL_DIR = str(tmp_path / "spool")
    made = tmp_path / "catalogue"
    made.mkdir()
    monkeypatch.setattr(catalogue, "CATALOGUE_DIR", made)
    _forget()
    yield made
    _forget()


def _forget() -> None:
    catalogue.catalogue.cache_clear()
    catalogue.code_parameters.cache_clear()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[DialectServer]:
    client = ClientCredentials("client-" + secrets.token_hex(4), secrets.token_urlsafe(24))
    with dialect_server(client) as running:
        monkeypatch.setattr(destination, "_allowed", frozenset())
        egress.configure(allowed_hosts=[f"{host}:{running.port}" for host in ("127.0.0.1", "localhost")])
        yield running


@pytest.mark.parametrize("name", CASES)
def test_a_service_is_connected_refreshed_used_and_disconnected_in_its_own_way(
    name: str, folder: Path, server: DialectServer, cast: Cast
) -> None:
    case = CASES[name]
    (folder / f"{case.slug}.toml").write_text(as_toml(case.document), encoding="utf-8")
    load_catalogue()
    server.dialect = case.dialect(server)
    of_app = {"origin": server.url, "tenant_origin": server.elsewhere, "version": "v3"}
    declared = {param["name"] for param in case.document["params"] if param["source"] == "client"}
    ensure_oauth_app(
        integration_slug=case.slug,
        client_id=server.client.client_id,
        client_secret=server.client.client_secret or "",
        params={name: value for name, value in of_app.items() if name in declared},
    )
    case.check(live(case, server, cast.actor("member")))
