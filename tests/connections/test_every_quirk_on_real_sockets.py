"""Every kind of service and every way in which one departs from the RFCs, through the connection services.

What was sent is read from the service's own notes. A key of the catalog's schema that no case uses fails here.
"""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from apps import egress
from apps.connections.models import Connection, Credential, TokenSet
from apps.connections.services.authorize import begin, complete
from apps.connections.services.credentials import connect_with_key, replace_key
from apps.connections.services.disconnect import disconnect
from apps.connections.services.refresh import refresh_now
from apps.connections.services.tokens import issue_token, key_material
from apps.egress import destination
from apps.integrations.catalog import entries
from apps.integrations.catalog.sync import load_catalog
from apps.integrations.models import Integration
from apps.integrations.oauth_apps.services import ensure_oauth_app
from apps.oauth.provider import ClientCredentials
from apps.oauth.signing import RequestParts
from apps.teams.actor import Actor
from tests.authserver.dialect import DialectServer, dialect_server
from tests.connections.quirks import consent, ending, living, tokens  # noqa: F401 - they register their cases
from tests.connections.quirks.coverage import uncovered
from tests.connections.quirks.files import as_toml
from tests.connections.quirks.keys import CLIENT, KEY_CASES, KeyCase
from tests.connections.quirks.signed import SIGNED_CASES
from tests.connections.quirks.story import CASES, live
from tests.connections.signed import signed_request
from tests.fixtures.connections import CALLBACK, ORIGIN, SESSION, Cast, expire
from tests.oauth1server import oauth1_server

WHO = {"id": 41, "name": "Ada", "ok": True}
pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]


@pytest.fixture
def folder(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty catalog, to be filled before it is read."""
    settings.SPOOL_DIR = str(tmp_path / "spool")
    made = tmp_path / "catalog"
    made.mkdir()
    monkeypatch.setattr(entries, "PROVIDERS_DIR", made)
    _forget()
    yield made
    _forget()


def _forget() -> None:
    entries.catalog.cache_clear()
    entries.code_parameters.cache_clear()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[DialectServer]:
    client = ClientCredentials("client-" + secrets.token_hex(4), secrets.token_urlsafe(24))
    with dialect_server(client) as running:
        monkeypatch.setattr(destination, "_allowed", frozenset())
        egress.configure(allowed_hosts=[f"{host}:{running.port}" for host in ("127.0.0.1", "localhost")])
        yield running


def offer(folder: Path, case: Any) -> None:
    """The catalog holds this service alone."""
    (folder / f"{case.slug}.toml").write_text(as_toml(case.document), encoding="utf-8")
    load_catalog()


@pytest.mark.parametrize("name", CASES)
def test_a_service_is_connected_refreshed_used_and_disconnected_in_its_own_way(
    name: str, folder: Path, server: DialectServer, cast: Cast
) -> None:
    case = CASES[name]
    offer(folder, case)
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


def called(connection: Connection) -> None:
    """A call to the service's API with what the signing service adds."""
    url = f"{connection.params['origin']}/api/things"
    parts = signed_request(Connection.objects.get(pk=connection.pk), RequestParts("GET", url))
    with egress.session(deadline=5) as session:
        session.get(parts.url, headers=dict(parts.headers))


def renewed(connection: Connection, actor: Actor, case: KeyCase) -> None:
    """What goes on in a connection's life: its token is fetched anew, or its key is handed out and replaced."""
    if case.kind == "oauth2_client_credentials":
        first = issue_token(connection=connection, actor=actor)
        expire(connection)
        assert issue_token(connection=connection, actor=actor).access_token != first.access_token
        refresh_now(connection=connection, actor=actor)
        return
    if case.kind == "none":
        return
    material = key_material(connection=connection, actor=actor)
    assert material.headers or material.query or material.path_prefix
    replace_key(actor=actor, connection=connection, fields=case.fields)


@pytest.mark.parametrize("name", KEY_CASES)
def test_a_key_is_sent_where_its_service_expects_it_while_it_is_connected(
    name: str, folder: Path, server: DialectServer, cast: Cast
) -> None:
    case, actor = KEY_CASES[name], cast.actor("member")
    offer(folder, case)
    server.client, server.dialect = CLIENT, replace(case.dialect, pages={"/me": WHO, "/me/acme": WHO})
    params = {"origin": server.url, **case.params}
    integration = Integration.objects.get()
    connection = connect_with_key(actor=actor, integration=integration, fields=case.fields, params=params)
    called(connection)
    renewed(connection, actor, case)
    called(connection)
    for request in server.received:
        case.check(request)
    asks_who = "verification" in case.document and "limited_statuses" not in case.document["verification"]
    assert connection.name == ("Ada" if asks_who else f"{case.slug.title()} key")
    ended = disconnect(actor=actor, connection=connection)
    assert ended.revocation == {"a_client_of_ones_own": "revoked", "a_client_that_speaks_json": "unsupported"}.get(
        name, "none"
    )
    assert not any(model.objects.exists() for model in (Connection, Credential, TokenSet))


@pytest.mark.parametrize("name", SIGNED_CASES)
def test_a_service_with_signatures_is_connected_used_and_disconnected_in_its_own_way(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, cast: Cast
) -> None:
    case, actor = SIGNED_CASES[name], cast.actor("member")
    offer(folder, case)
    with oauth1_server() as server:
        monkeypatch.setattr(destination, "_allowed", frozenset())
        egress.configure(allowed_hosts=[f"127.0.0.1:{server.port}"])
        server.says_more.update(case.answer)
        own = {"client_id": server.key, "client_secret": server.secret}
        ensure_oauth_app(integration_slug=case.slug, params={"origin": server.url}, **own)
        scopes, integration = ["look", "touch"], Integration.objects.get()
        flow = begin(actor=actor, integration=integration, scopes=scopes, params={}, session_key=SESSION, in_popup=True)
        query = urlencode(server.consent(flow.url))
        attempt = complete(path=CALLBACK, query_string=query, user=actor.user, session_key=SESSION, origin=ORIGIN)
        assert attempt.connection is not None
        connection = attempt.connection
        parts = signed_request(connection, RequestParts("GET", f"{server.url}/api/things"))
        with egress.session(deadline=5) as session:
            assert session.get(parts.url, headers=dict(parts.headers)).json()["id"] == "ada"
        sealed = TokenSet.objects.select_related("team").get().kept_secrets
        assert sealed is not None
        case.check(server, parse_qs(urlsplit(flow.url).query), sealed.reveal_json()["kept"])
        assert disconnect(actor=actor, connection=connection).revocation == "unsupported"
        assert not TokenSet.objects.exists()


def test_every_key_of_the_schema_that_changes_the_protocol_has_a_case() -> None:
    every = [*CASES.values(), *KEY_CASES.values(), *SIGNED_CASES.values()]
    assert uncovered(case.document for case in every) == []
