"""Custom APIs whose servers differ from the RFCs: described, connected, refreshed, refused."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from apps import egress
from apps.connections.errors import AccessDeclined, ReauthorizationRequired
from apps.connections.models import AuthorizationAttempt, Connection
from apps.connections.services.reconnect import reconnect_request
from apps.connections.services.refresh import refresh_now
from apps.egress import destination
from apps.integrations.custom_apis.rule_lines import error_rules_in
from apps.integrations.custom_apis.schema import Authentication
from apps.integrations.custom_apis.services.apis import create_custom_api, save_authentication
from apps.integrations.custom_apis.services.offline_access import request_offline_access
from apps.integrations.models import CustomApi
from apps.oauth.paths import Check
from apps.oauth.provider import ClientCredentials
from apps.oauth.signing import RequestParts
from tests.authserver.dialect import Dialect, DialectServer, dialect_server
from tests.connections.custom import Walker, describe
from tests.connections.signed import signed_request
from tests.factories import client_for
from tests.fixtures.connections import Cast, access_token, expire, tokens_of
from tests.oauth1server import OAuth1Server, oauth1_server

pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]

SECRET = "a+b/c=d%e:f"


@pytest.fixture(autouse=True)
def spool(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SPOOL_DIR = str(tmp_path / "spool")
    monkeypatch.setattr(destination, "_allowed", frozenset())


@pytest.fixture
def service() -> Iterator[DialectServer]:
    """Its tokens are in an envelope, and its errors come with HTTP status 200."""

    def says(document: dict[str, Any]) -> dict[str, Any]:
        token = {"access": document["access_token"], "seconds": str(document["expires_in"])}
        more = {"refresh": document["refresh_token"]} if "refresh_token" in document else {}
        return {"ok": True, "data": {**token, **more, "scopes": "messages:read|profile"}}

    with dialect_server(ClientCredentials("fernhill", SECRET)) as running:
        running.dialect = Dialect(
            says=says, rotation="strict", pages={"/api/me": {"id": 7, "email": "ada@own.example"}}
        )
        egress.configure(allowed_hosts=[f"127.0.0.1:{running.port}"])
        yield running


DESCRIBED: dict[str, Any] = {
    "access_token_path": "data.access",
    "refresh_token_path": "data.refresh",
    "expires_in_path": "data.seconds",
    "scope_path": "data.scopes",
    "scope_response_separator": "|",
    "success_check": Check("ok", True),
    "error_rules": error_rules_in("invalid_grant 200 error=refresh_token_gone\nslow_down error=busy"),
}


def walker_at(service: DialectServer, cast: Cast, **fields: Any) -> Walker:
    def consent(url: str) -> str:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = service.grants_code(
            challenge=asked["code_challenge"], redirect_uri=asked["redirect_uri"], scopes=asked["scope"].split()
        )
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    api = describe(
        cast.actor("admin"),
        origin=service.url,
        client_id=service.client.client_id,
        client_secret=SECRET,
        **DESCRIBED | fields,
    )
    return Walker(api, cast.actor("member"), consent)


def test_tokens_in_an_envelope_are_found_and_refreshed(service: DialectServer, cast: Cast) -> None:
    walker = walker_at(service, cast)
    connection = walker.connect()
    assert (connection.account_subject, connection.name) == ("7", "ada@own.example")
    assert sorted(connection.scopes_granted) == ["messages:read", "profile"]
    before, row = access_token(connection), tokens_of(connection)
    assert row.expires_at is not None
    assert (row.expires_at - row.obtained_at).total_seconds() == 3600
    refresh_now(connection=connection, actor=walker.actor)
    assert access_token(connection) != before


def test_an_account_without_a_name_is_known_by_its_id(service: DialectServer, cast: Cast) -> None:
    service.dialect = replace(service.dialect, pages={"/api/me": {"sub": "bob-7"}})
    connection = walker_at(service, cast).connect()
    assert (connection.name, connection.account_subject, connection.account_label) == (
        "Carrier Hub account bob-7", "bob-7", "",
    )  # fmt: skip
    page = client_for(cast.member).get(f"/connections/{connection.pk}/").content.decode()
    assert "Not provided by the service" not in page
    assert "bob-7" in page


def test_an_error_with_status_200_is_a_refusal_by_its_rule(service: DialectServer, cast: Cast) -> None:
    walker = walker_at(service, cast)
    connection = walker.connect()
    expire(connection)
    service.dialect = Dialect(says=lambda _: {"ok": False, "error": "refresh_token_gone", "message": "Sign in again."})
    with pytest.raises(ReauthorizationRequired):
        refresh_now(connection=connection, actor=walker.actor)
    assert tokens_of(connection).last_failure == "grant_refused"


def test_slow_down_by_a_rule_of_the_team(service: DialectServer, cast: Cast) -> None:
    walker = walker_at(service, cast)
    connection = walker.connect()
    service.dialect = Dialect(says=lambda _: {"ok": False, "error": "busy"})
    with pytest.raises(Exception, match="not"):
        refresh_now(connection=connection, actor=walker.actor)
    assert tokens_of(connection).last_failure == "slow_down"
    connection.refresh_from_db()
    assert connection.status == "active"


def test_a_server_that_compares_the_raw_header_is_described(service: DialectServer, cast: Cast) -> None:
    walker = walker_at(service, cast, basic_credentials="raw")
    service.client = _Raw(service.client.client_id, SECRET)
    assert walker.connect().name == "ada@own.example"


class _Raw(ClientCredentials):
    """A server that does not decode the parts of the header (RFC 6749 2.3.1)."""

    def basic(self) -> str:
        return self.raw_basic()


# --- OAuth 1.0a -----------------------------------------------------------------------------------------------------


@pytest.fixture
def signed_service() -> Iterator[OAuth1Server]:
    with oauth1_server() as running:
        egress.configure(allowed_hosts=[f"127.0.0.1:{running.port}"])
        yield running


def signed_api(server: OAuth1Server, cast: Cast) -> CustomApi:
    admin = cast.actor("admin")
    api = create_custom_api(actor=admin, name="Ledger", base_url=f"{server.url}/api")
    described = Authentication(
        type="oauth1",
        request_token_url=f"{server.url}/request",
        authorization_url=f"{server.url}/authorize",
        token_url=f"{server.url}/access",
        account_url=f"{server.url}/api/me",
    )
    return save_authentication(
        actor=admin, api=api, authentication=described, client_id=server.key, client_secret=server.secret
    )


def test_a_custom_api_with_oauth_1_is_connected_and_its_requests_are_signed(
    signed_service: OAuth1Server, cast: Cast
) -> None:
    api = signed_api(signed_service, cast)

    def consent(url: str) -> str:
        callback = signed_service.requests[parse_qs(urlsplit(url).query)["oauth_token"][0]].callback
        return f"{callback}&{urlencode(signed_service.consent(url))}"

    walker = Walker(api, cast.actor("member"), consent)
    connection = walker.connect()
    assert (connection.name, connection.account_subject) == ("ada@oauth1.example", "ada")
    assert AuthorizationAttempt.objects.get().redirect_uri.endswith(f"/oauth/return/{api.pk}")
    parts = signed_request(
        Connection.objects.with_details().get(pk=connection.pk), RequestParts("GET", f"{signed_service.url}/api/me", {})
    )
    with egress.session(deadline=20) as session:
        assert session.get(parts.url, headers=dict(parts.headers)).json()["id"] == "ada"


def test_a_denial_at_a_custom_api_with_oauth_1_is_understood(signed_service: OAuth1Server, cast: Cast) -> None:
    walker = Walker(signed_api(signed_service, cast), cast.actor("member"), lambda url: url)
    flow = walker.begin()
    (held,) = signed_service.requests.values()
    with pytest.raises(AccessDeclined):
        walker.arrive(f"{held.callback}&error=access_denied")
    assert AuthorizationAttempt.objects.get(pk=flow.attempt.pk).status == "failed"


def test_a_scope_for_refresh_tokens_that_is_added_later_is_requested_by_the_next_reconnect(
    service: DialectServer, cast: Cast
) -> None:
    walker = walker_at(service, cast)
    connection = walker.connect()
    request_offline_access(actor=cast.actor("admin"), api=CustomApi.objects.get())
    connection = Connection.objects.with_details().get(pk=connection.pk)
    requested = reconnect_request(connection=connection, oauth_app=connection.oauth_app)
    assert requested.scopes == ["messages:read", "profile", "offline_access"]
    assert connection.status == "active"
