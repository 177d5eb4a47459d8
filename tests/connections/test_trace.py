"""The redacted trace of a team's own API: what was exchanged is there to be read, and no secret is."""

import json
import secrets
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, urlencode, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from apps.connections.errors import ExchangeFailed, ServiceUnavailable
from apps.connections.models import Connection, TraceEntry
from apps.connections.services.disconnect import disconnect
from apps.connections.services.refresh import refresh_now
from apps.connections.services.tracing import clear_traces
from apps.integrations.redirect_uri import custom_api_redirect_uri
from tests.authserver import AuthServer, answers
from tests.connections.custom import Walker, describe
from tests.factories import client_for
from tests.fixtures.connections import Cast, ConnectFlow, access_token, oauth_app, refresh_token

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def spool(settings: Any, tmp_path: Path) -> None:
    settings.SPOOL_DIR = str(tmp_path / "spool")


def walker_at(server: AuthServer, cast: Cast, **fields: Any) -> Walker:
    api = describe(
        cast.actor("admin"),
        origin=server.url,
        client_id=server.client_id,
        client_secret=server.client_secret,
        **{"token_url": f"{server.url}/o/token/", "revocation_url": f"{server.url}/o/revoke_token/", **fields},
    )

    def consent(url: str) -> str:
        asked = dict(pair.split("=", 1) for pair in urlsplit(url).query.split("&"))
        code = server.code_for(challenge=asked["code_challenge"], scopes=["messages:read", "profile"])
        walker.code = code
        return f"{custom_api_redirect_uri(api.integration)}?{urlencode({'state': asked['state'], 'code': code})}"

    walker = Noting(api, cast.actor("member"), consent)
    return walker


class Noting(Walker):
    code = ""


@pytest.fixture
def walker(server: AuthServer, cast: Cast) -> Walker:
    return walker_at(server, cast)


def kept() -> str:
    """Everything that any row of the trace holds."""
    return json.dumps(list(TraceEntry.objects.values()), default=str)


def forms(secret: str) -> Iterator[str]:
    yield from {secret, quote(secret, safe=""), quote_plus(secret)}


def test_connecting_refreshing_and_disconnecting_are_traced(walker: Walker, server: AuthServer) -> None:
    connection = walker.connect()
    refresh_now(connection=connection, actor=walker.actor)
    mine = TraceEntry.objects.filter(connection=connection)
    assert [entry.what for entry in mine] == ["refresh_token", "account", "authorization_code"]
    exchange = mine.get(what="authorization_code")
    assert (exchange.method, exchange.url, exchange.status) == ("POST", f"{server.url}/o/token/", 200)
    assert exchange.content_type == "application/json"
    assert exchange.authentication == f"client_secret_basic, client ID {server.client_id}"
    sent = dict(exchange.parameters)
    assert sent["grant_type"] == "authorization_code"
    assert sent["redirect_uri"] == custom_api_redirect_uri(walker.integration)
    assert "not kept" in sent["code"]
    assert "not kept" in sent["code_verifier"]
    fields = dict(exchange.fields)
    assert (fields["access_token"], fields["expires_in"]) == ("text", "number")
    disconnect(actor=walker.actor, connection=connection)
    assert TraceEntry.objects.filter(what="revocation", connection=None, label=connection.name).exists()


def test_a_flow_that_failed_is_traced_by_its_attempt(walker: Walker, server: AuthServer) -> None:
    server.script(answers(200, b"<html>Sign in</html>", Content_Type="text/html; charset=utf-8"))
    with pytest.raises(ExchangeFailed):
        walker.connect()
    [entry] = TraceEntry.objects.all()
    assert entry.connection is None
    assert entry.attempt_id is not None
    assert (entry.status, entry.content_type, entry.label) == (200, "text/html", "Mara Member")


def test_a_server_that_is_down_leaves_its_error(walker: Walker, server: AuthServer, monkeypatch: Any) -> None:
    connection = walker.connect()
    server.script(answers(503))
    with pytest.raises(ServiceUnavailable):
        refresh_now(connection=connection, actor=walker.actor)
    assert TraceEntry.objects.filter(connection=connection).first().status == 503  # type: ignore[union-attr]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_no_secret_is_in_any_row(server: AuthServer, cast: Cast, method: str) -> None:
    server.client_authentication = method
    # The misbehaving server does not decode what the header carries (RFC 6749 2.3.1), so there it is plain.
    server.client_secret = "canary" + secrets.token_urlsafe(20) + ("+/ &=" if method == "client_secret_post" else "")
    walker = walker_at(server, cast, token_endpoint_auth_method=method, token_params={"tenant_key": "canary-param"})
    connection = walker.connect()
    known = {server.client_secret, walker.code, "canary-param", access_token(connection), refresh_token(connection)}  # type: ignore[attr-defined]
    refresh_now(connection=connection, actor=walker.actor)
    known |= {access_token(connection), refresh_token(connection)}
    disconnect(actor=walker.actor, connection=connection)
    assert TraceEntry.objects.count() >= 4
    for secret in known:
        for form in forms(secret):
            assert form not in kept()


def test_a_server_that_echoes_secrets_everywhere_leaves_none_in_the_trace(walker: Walker, server: AuthServer) -> None:
    connection = walker.connect()
    token = refresh_token(connection)
    echo = {
        "error": token,
        "error_description": token,
        token: 1,
        "x" + token[:30]: {token: [token]},
        server.client_secret: {"deep": server.client_secret},
    }
    server.script(answers(400, json.dumps(echo).encode(), Content_Type=f"text/{token.lower()}"))
    with pytest.raises(ServiceUnavailable):
        refresh_now(connection=connection, actor=walker.actor)
    entry = TraceEntry.objects.filter(connection=connection).first()
    assert entry is not None
    assert entry.what == "refresh_token"
    for secret in (token, token.lower(), token[:30], server.client_secret):
        assert secret not in kept()


def test_built_in_services_leave_no_trace(connect_flow: ConnectFlow, cast: Cast) -> None:
    connect_flow.connect(cast.actor("member"))
    assert oauth_app() is not None
    assert not TraceEntry.objects.exists()


def test_traces_go_after_seven_days(walker: Walker) -> None:
    walker.connect()
    old = TraceEntry.objects.first()
    assert old is not None
    TraceEntry.objects.filter(pk=old.pk).update(at=timezone.now() - timedelta(days=7, seconds=5))
    assert clear_traces() == 1
    assert not TraceEntry.objects.filter(pk=old.pk).exists()
    assert TraceEntry.objects.exists()


def test_a_trace_that_cannot_be_written_costs_no_connection(walker: Walker, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        from django.db import OperationalError

        raise OperationalError("the disk is full")

    monkeypatch.setattr(TraceEntry.objects, "bulk_create", broken)
    connection = walker.connect()
    refresh_now(connection=connection, actor=walker.actor)
    assert Connection.objects.get(pk=connection.pk).status == "active"


def test_only_those_who_manage_the_connection_read_its_trace(walker: Walker, cast: Cast) -> None:
    connection = walker.connect()
    page = f"/connections/{connection.pk}/trace/"
    html = client_for(cast.member).get(page).content.decode()
    assert "Code exchanged for a token" in html
    assert "characters, not kept" in html
    assert client_for(cast.admin).get(page).status_code == 200
    assert client_for(cast.stranger).get(page).status_code == 404
    assert Client().get(page).status_code == 302


def test_the_apis_maintainers_read_the_trace_of_all_of_it(walker: Walker, cast: Cast, server: AuthServer) -> None:
    server.script(answers(400, b'{"error": "invalid_grant"}'))
    with pytest.raises(ExchangeFailed):
        walker.connect()
    page = f"/custom-apis/{walker.integration.slug}/trace/"
    html = client_for(cast.admin).get(page).content.decode()
    assert "invalid_grant" in html
    assert "(no connection)" in html
    assert client_for(cast.member).get(page).status_code == 403
    assert client_for(cast.stranger).get(page).status_code == 404
