"""A team's own API against three authorization servers of three makers, on real sockets: connect, use, refresh,
revoke, disconnect."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from apps import egress
from apps.connections.errors import ReauthorizationRequired
from apps.connections.models import Connection
from apps.connections.services.credentials import connect_with_key
from apps.connections.services.disconnect import disconnect
from apps.connections.services.refresh import refresh_now
from apps.connections.services.stored_key import stored_fields
from apps.egress import destination
from apps.integrations.custom_apis.schema import Authentication, authentication_from
from apps.integrations.custom_apis.services.apis import (
    change_custom_api,
    create_custom_api,
    delete_custom_api,
    save_authentication,
)
from apps.integrations.errors import IntegrationInUse
from apps.integrations.models import CustomApi, Integration
from apps.integrations.redirect_uri import custom_api_redirect_uri
from apps.oauth.signing import RequestParts
from tests.authlibserver import AuthlibServer, authlib_server
from tests.authserver import AuthServer
from tests.connections.custom import Walker, describe, redirected
from tests.connections.signed import signed_request
from tests.fixtures.connections import Cast, access_token, refresh_token, request_params
from tests.sandbox.cast import Client as SandboxClient
from tests.sandbox.cast import Person
from tests.sandbox.server import running_sandbox

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def spool(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SPOOL_DIR = str(tmp_path / "spool")
    monkeypatch.setattr(destination, "_allowed", frozenset())


def allow(*urls: str) -> None:
    egress.configure(allowed_hosts=[urlsplit(url).netloc for url in urls])


@pytest.fixture
def authlib(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[AuthlibServer]:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # the server's, which runs in this process without TLS
    with authlib_server(method=getattr(request, "param", "client_secret_basic")) as running:
        allow(running.url)
        yield running


def walker_at(authlib: AuthlibServer, cast: Cast, **fields: Any) -> Walker:
    api = describe(
        cast.actor("admin"),
        origin=authlib.url,
        client_id=authlib.client.client_id,
        client_secret=authlib.client.client_secret,
        token_endpoint_auth_method=authlib.client.method,
        **fields,
    )
    authlib.client.redirect_uri = custom_api_redirect_uri(api.integration)
    return Walker(api, cast.actor("member"), redirected)


def called(connection: Connection, url: str) -> int:
    """The status of a call to the API with the connection's access."""
    parts = signed_request(Connection.objects.with_details().get(pk=connection.pk), RequestParts("GET", url, {}))
    with egress.session(deadline=20) as session:
        return int(session.get(parts.url, headers=dict(parts.headers)).status_code)


@pytest.mark.parametrize("authlib", ["client_secret_basic", "client_secret_post", "none"], indirect=True)
def test_the_whole_life_at_authlibs_server(authlib: AuthlibServer, cast: Cast) -> None:
    walker = walker_at(authlib, cast)
    connection = walker.connect()
    assert (connection.name, connection.account_subject) == ("ada@authlib.example", "ada")
    assert called(connection, f"{authlib.url}/api/me") == 200

    before = access_token(connection)
    refresh_now(connection=connection, actor=walker.actor)
    assert access_token(connection) != before
    assert called(connection, f"{authlib.url}/api/me") == 200

    last = access_token(connection)
    gone = disconnect(actor=walker.actor, connection=connection)
    assert gone.revocation == "revoked"
    assert authlib.live(last) is None
    assert authlib.calls == [
        "authorize", "token authorization_code", "token refresh_token", "revoke", "revoke"
    ]  # fmt: skip


def test_a_form_encoded_response_with_commas_and_no_expiry(authlib: AuthlibServer, cast: Cast) -> None:
    authlib.answers_form = authlib.separates_by_comma = True
    authlib.says_expires_in = False
    walker = walker_at(authlib, cast, scope_separator=",")
    connection = walker.connect()
    assert sorted(connection.scopes_granted) == ["messages:read", "profile"]
    assert connection.token_set.expires_at is None
    refresh_now(connection=connection, actor=walker.actor)
    assert called(connection, f"{authlib.url}/api/me") == 200


def test_client_credentials_of_each_connection(authlib: AuthlibServer, cast: Cast) -> None:
    admin = cast.actor("admin")
    api = create_custom_api(actor=admin, name="Jobs", base_url=f"{authlib.url}/api")
    described = Authentication(type="oauth2_client_credentials", token_url=f"{authlib.url}/token")
    save_authentication(actor=admin, api=api, authentication=described)
    fields = {"client_id": authlib.client.client_id, "client_secret": authlib.client.client_secret}
    jobs = Integration.objects.get(pk=api.pk)
    connection = connect_with_key(actor=cast.actor("member"), integration=jobs, fields=fields, params={})
    assert called(connection, f"{authlib.url}/api/me") == 200


def test_the_whole_life_at_the_misbehaving_server_when_it_behaves(server: AuthServer, cast: Cast) -> None:
    walker = misbehaving(server, cast)
    connection = walker.connect()
    assert called(connection, f"{server.url}/api/me") == 200
    before = refresh_token(connection)
    refresh_now(connection=connection, actor=walker.actor)
    assert refresh_token(connection) != before
    assert disconnect(actor=walker.actor, connection=connection).revocation == "revoked"


def misbehaving(server: AuthServer, cast: Cast) -> Walker:
    api = describe(
        cast.actor("admin"),
        origin=server.url,
        client_id=server.client_id,
        client_secret=server.client_secret,
        token_url=f"{server.url}/o/token/",
        revocation_url=f"{server.url}/o/revoke_token/",
    )

    def consent(url: str) -> str:
        asked = dict(parse_qsl(urlsplit(url).query))
        code = server.code_for(challenge=asked["code_challenge"], scopes=["messages:read", "profile"])
        return f"{custom_api_redirect_uri(api.integration)}?{urlencode({'state': asked['state'], 'code': code})}"

    return Walker(api, cast.actor("member"), consent)


@pytest.mark.same_on_each_database
def test_the_whole_life_at_django_oauth_toolkits_server(cast: Cast, tmp_path: Path) -> None:
    api = create_custom_api(actor=cast.actor("admin"), name="Sandbox of ours", base_url="https://later.example")
    with running_sandbox(tmp_path, redirect_uris=[custom_api_redirect_uri(api.integration)]) as sandbox:
        allow(sandbox.url)
        change_custom_api(actor=cast.actor("admin"), api=api, base_url=f"{sandbox.url}/api")
        described = Authentication(
            type="oauth2",
            authorization_url=f"{sandbox.url}/o/authorize/",
            token_url=f"{sandbox.url}/o/token/",
            revocation_url=f"{sandbox.url}/o/revoke_token/",
            account_url=f"{sandbox.url}/api/me",
        )
        client = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
        save_authentication(actor=cast.actor("admin"), api=api, authentication=described, **client)

        class Here(SandboxClient):
            url = ""

            def authorization_url(self, **changed: str | None) -> str:
                return self.url

        def consent(url: str) -> str:
            here = Here(sandbox, redirect_uri=custom_api_redirect_uri(api.integration))
            here.url = url
            return f"{here.redirect_uri}?{urlencode(Person(here).authorize())}"

        walker = Walker(api, cast.actor("member"), consent)
        connection = walker.connect()
        assert called(connection, f"{sandbox.url}/api/me") == 200
        refresh_now(connection=connection, actor=walker.actor)
        assert called(connection, f"{sandbox.url}/api/me") == 200
        assert disconnect(actor=walker.actor, connection=connection).revocation == "revoked"


def change(cast: Cast, api: CustomApi, *, client_secret: str | None = None, **fields: Any) -> None:
    api = CustomApi.objects.get(pk=api.pk)
    changed = authentication_from(api.authentication).with_values(fields)
    save_authentication(actor=cast.actor("admin"), api=api, authentication=changed, client_secret=client_secret)


@pytest.mark.django_db(transaction=True)
def test_a_changed_token_address_turns_connections_red_and_sees_no_token(
    authlib: AuthlibServer, server: AuthServer, cast: Cast
) -> None:
    allow(authlib.url, server.url)
    walker = walker_at(authlib, cast)
    connection = walker.connect()
    change(cast, walker.api, token_url=f"{server.url}/o/token/", client_secret=authlib.client.client_secret)
    connection = Connection.objects.with_details().get(pk=connection.pk)
    assert (connection.status, connection.status_reason) == ("needs_attention", "oauth_app_changed")
    with pytest.raises(ReauthorizationRequired):
        refresh_now(connection=connection, actor=walker.actor)
    assert server.arrivals == []
    assert disconnect(actor=walker.actor, connection=connection).revocation == "unsupported"


def test_an_api_that_moves_to_another_host_gets_no_token_there(
    authlib: AuthlibServer, server: AuthServer, cast: Cast
) -> None:
    allow(authlib.url, server.url)
    walker = walker_at(authlib, cast)
    connection = walker.connect()
    change_custom_api(actor=cast.actor("admin"), api=walker.api, base_url=f"{server.url}/api")
    with pytest.raises(ReauthorizationRequired):
        called(connection, f"{server.url}/api/me")
    change_custom_api(actor=cast.actor("admin"), api=walker.api, base_url=f"{authlib.url}/api")
    connection.refresh_from_db()
    assert connection.status == "active"
    assert called(connection, f"{authlib.url}/api/me") == 200


def keyed(cast: Cast, url: str, **fields: Any) -> Connection:
    admin = cast.actor("admin")
    api = create_custom_api(actor=admin, name="Keyed", base_url=url)
    save_authentication(actor=admin, api=api, authentication=Authentication(**fields))
    values = {"key": "k3y-of-mara-0123456789"} if fields["type"] == "api_key" else {}
    row = Integration.objects.get(pk=api.pk)
    return connect_with_key(actor=cast.actor("member"), integration=row, fields=values, params={})


@pytest.mark.django_db(transaction=True)
def test_a_key_does_not_follow_its_api_to_another_host(cast: Cast) -> None:
    connection = keyed(cast, "https://api.carrier.example", type="api_key", key_location="header", key_name="X-Key")
    api = CustomApi.objects.get()
    change_custom_api(actor=cast.actor("admin"), api=api, base_url="https://evil.example")
    connection = Connection.objects.with_details().get(pk=connection.pk)
    assert (connection.status, connection.status_reason) == ("needs_attention", "address_changed")
    with pytest.raises(ReauthorizationRequired):
        signed_request(connection, RequestParts("GET", "https://evil.example/me", {}))
    with pytest.raises(ReauthorizationRequired):
        stored_fields(connection)


def test_where_a_key_goes(cast: Cast) -> None:
    ways: list[tuple[dict[str, str], str, dict[str, str]]] = [
        ({"key_location": "header", "key_name": "X-Key"}, "X-Key", {}),
        ({"key_location": "bearer"}, "Authorization", {}),
    ]
    for fields, header, _ in ways:
        connection = keyed(cast, "https://api.carrier.example", type="api_key", **fields)
        parts = signed_request(
            Connection.objects.with_details().get(pk=connection.pk),
            RequestParts("GET", "https://api.carrier.example/me", {}),
        )
        prefix = "Bearer " if header == "Authorization" else ""
        assert parts.headers[header] == f"{prefix}k3y-of-mara-0123456789"


def test_without_authentication_a_connection_adds_nothing(cast: Cast) -> None:
    connection = keyed(cast, "https://open.example", type="none")
    parts = signed_request(
        Connection.objects.with_details().get(pk=connection.pk), RequestParts("GET", "https://open.example/x", {})
    )
    assert dict(parts.headers) == {}
    assert disconnect(actor=cast.actor("member"), connection=connection).revocation == "none"


def test_an_api_with_connections_can_neither_go_nor_change_its_kind(authlib: AuthlibServer, cast: Cast) -> None:
    walker = walker_at(authlib, cast)
    walker.connect()
    with pytest.raises(IntegrationInUse, match="ada@authlib"):
        delete_custom_api(actor=cast.actor("admin"), api=walker.api)
    with pytest.raises(IntegrationInUse, match="1 connection"):
        change(cast, walker.api, type="basic")


def test_each_authorization_request_has_the_apis_own_redirect_uri(authlib: AuthlibServer, cast: Cast) -> None:
    walker = walker_at(authlib, cast)
    assert request_params(walker.begin())["redirect_uri"].endswith(f"/oauth/return/{walker.api.pk}")
