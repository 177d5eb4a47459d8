"""API keys that an API needs beside an access token, or a user name and password."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.db import connection as database
from django.test import Client

from apps import egress
from apps.connections.errors import KeyRefused, ReauthorizationRequired
from apps.connections.models import Connection, TraceEntry
from apps.connections.services.check import Outcome, check
from apps.connections.services.credentials import connect_with_key, replace_key
from apps.connections.services.refresh import refresh_now
from apps.egress import destination
from apps.integrations.custom_apis.rule_lines import error_rules_in
from apps.integrations.custom_apis.schema import Authentication, FurtherKey, authentication_from
from apps.integrations.custom_apis.services.apis import change_custom_api, create_custom_api, save_authentication
from apps.integrations.custom_apis.services.document_import import import_custom_api
from apps.integrations.custom_apis.services.queries import missing_of, oauth_client_of
from apps.integrations.errors import InvalidInput
from apps.integrations.models import CustomApi, Integration, OAuthApp
from apps.integrations.oauth_apps.services import client_credentials
from apps.oauth.paths import Check
from apps.oauth.provider import ClientCredentials
from tests.authserver.dialect import Dialect, DialectServer, dialect_server
from tests.connections.custom import Walker, describe
from tests.connections.test_api import Caller, caller
from tests.factories import client_for
from tests.fixtures.connections import Cast, access_token, tokens_of
from tests.gateway import test_proxy
from tests.gateway.test_proxy import proxied
from tests.servers import HttpServer, http_server

pytestmark = pytest.mark.django_db(transaction=True)
mine = test_proxy.mine
KEY = "further-key-of-fernhill-0123456789"
IN_HEADER = FurtherKey(name="X-App-Key")
IN_QUERY = FurtherKey(name="app_key", location="query")


@pytest.fixture(autouse=True)
def spool(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SPOOL_DIR = str(tmp_path / "spool")
    monkeypatch.setattr(destination, "_allowed", frozenset())


@pytest.fixture
def service() -> Iterator[DialectServer]:
    """An API that repeats in /api/echo what it received."""

    def echo(request: Any) -> dict[str, Any]:
        return {"headers": request.headers, "path": request.path}

    def me(request: Any) -> dict[str, Any]:
        return {"id": 7, "email": "ada@own.example"} if KEY in f"{request.path} {request.headers}" else {}

    with dialect_server(ClientCredentials("fernhill", "secret-of-fernhill")) as running:
        running.dialect = Dialect(rotation="strict", pages={"/api/me": me, "/api/echo": echo})
        egress.configure(allowed_hosts=[f"127.0.0.1:{running.port}"])
        yield running


@pytest.fixture
def elsewhere(service: DialectServer) -> Iterator[HttpServer]:
    """Another host, to which the API moves."""
    with http_server() as running:
        egress.configure(allowed_hosts=[f"127.0.0.1:{service.port}", f"127.0.0.1:{running.port}"])
        running.will_answer(200, b"{}")
        yield running


def walker_at(service: DialectServer, cast: Cast, key: FurtherKey = IN_HEADER, entered: str | None = KEY) -> Walker:
    def consent(url: str) -> str:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = service.grants_code(
            challenge=asked["code_challenge"], redirect_uri=asked["redirect_uri"], scopes=asked["scope"].split()
        )
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    admin, client = cast.actor("admin"), service.client
    api = describe(
        admin,
        origin=service.url,
        client_id=client.client_id,
        client_secret=client.client_secret or "",
        further_keys=(key,),
    )
    assert missing_of(api) == ["further_key"]
    if entered:
        api = save_authentication(
            actor=admin, api=api, authentication=authentication_from(api.authentication), further_key=entered
        )
        assert missing_of(api) == []
    return Walker(api, cast.actor("member"), consent)


def carried(request: Any, key: FurtherKey) -> list[str]:
    """What the request carries under the name of the key."""
    if key.location == "query":
        return parse_qs(urlsplit(request.path).query).get(key.name, [])
    return [value for name, value in request.headers.items() if name.lower() == key.name.lower()]


@pytest.mark.parametrize("key", [IN_HEADER, IN_QUERY])
def test_the_key_goes_with_each_call_of_the_api_and_never_to_the_token_endpoint(
    service: DialectServer, cast: Cast, mine: Caller, key: FurtherKey
) -> None:
    walker = walker_at(service, cast, key)
    connection = walker.connect()
    assert (connection.account_subject, connection.name) == ("7", "ada@own.example")
    refresh_now(connection=connection, actor=walker.actor)
    assert check(connection=connection, actor=walker.actor).outcome is Outcome.WORKS
    own = {"query": f"echo?{key.name}=mine", "header": "echo"}[key.location]
    assert proxied(mine, connection, own, headers={"X-App-Key": "mine"}).status_code == 200
    *accounts, call = service.calls("/api/me", "/api/echo")
    assert len(accounts) == 2
    assert [carried(request, key) for request in (*accounts, call)] == [[KEY]] * 3
    assert call.headers["Authorization"].startswith("Bearer ")
    tokens = service.calls("/token")
    assert len(tokens) == 2
    assert not [one for one in tokens if KEY in f"{one.path} {one.headers} {one.body.decode()}"]


@pytest.mark.parametrize("key", [IN_HEADER, IN_QUERY])
def test_the_key_is_redacted_in_responses_and_kept_in_no_trace(
    service: DialectServer, cast: Cast, mine: Caller, key: FurtherKey
) -> None:
    page = {"id": 7, KEY: "an echo as a name"}
    service.dialect = replace(service.dialect, pages={**service.dialect.pages, "/api/me": page})
    connection = walker_at(service, cast, key).connect()
    answer = b"".join(proxied(mine, connection, "echo").streaming_content).decode()
    assert "[redacted]" in answer
    assert KEY not in answer
    traced = json.dumps([*TraceEntry.objects.values()], default=str)
    assert "/api/me" in traced
    assert KEY not in traced


def test_the_key_is_stored_encrypted_and_shown_nowhere(service: DialectServer, cast: Cast) -> None:
    walker = walker_at(service, cast)
    connection = walker.connect()
    with database.cursor() as cursor:
        cursor.execute("SELECT further_key FROM integrations_oauthapp")
        (stored,) = cursor.fetchone()
    assert stored
    assert KEY.encode() not in bytes(stored)
    client = client_for(cast.admin)
    slug = walker.api.integration.slug
    for path in (f"/custom-apis/{slug}/authentication/", f"/connections/{connection.pk}/"):
        page = client.get(path)
        assert page.status_code == 200, path
        assert KEY not in page.content.decode()


def test_our_token_endpoint_does_not_return_the_key(service: DialectServer, cast: Cast) -> None:
    connection = walker_at(service, cast).connect()
    key = caller(cast.member)
    answer = Client().post(
        f"/api/v1/connections/{connection.pk}/token/",
        headers={"Authorization": f"Bearer {key.text}"},
        data="{}",
        content_type="application/json",
    )
    assert answer.status_code == 200
    assert answer.json()["access_token"] == access_token(connection)
    assert KEY not in answer.content.decode()


def test_a_key_that_was_entered_for_another_host_is_not_sent_to_this_one(
    service: DialectServer, elsewhere: HttpServer, cast: Cast, mine: Caller
) -> None:
    walker, admin = walker_at(service, cast), cast.actor("admin")
    connection = walker.connect()
    api = change_custom_api(actor=admin, api=walker.api, base_url=f"{elsewhere.url}/api")
    assert missing_of(api) == ["further_key"]
    assert api.integration.definition is None
    assert client_credentials(oauth_client_of(api)).further_key is None
    assert proxied(mine, connection, "echo").status_code >= 400
    assert elsewhere.received == []
    settings = authentication_from(api.authentication)
    api = save_authentication(actor=admin, api=api, authentication=settings, further_key=KEY)
    assert missing_of(api) == []
    assert proxied(mine, walker.connect(), "echo").status_code == 200
    assert carried(elsewhere.received[-1], IN_HEADER) == [KEY]


def test_no_call_is_made_without_the_key(service: DialectServer, cast: Cast, mine: Caller) -> None:
    connection = walker_at(service, cast).connect()
    OAuthApp.objects.update(further_key_fingerprint="another")
    assert proxied(mine, connection, "echo").status_code >= 400
    assert service.calls("/api/echo") == []


def test_the_key_is_deleted_when_calls_no_longer_need_it(service: DialectServer, cast: Cast) -> None:
    api = walker_at(service, cast).api
    settings = authentication_from(api.authentication).with_values({"further_keys": ()})
    save_authentication(actor=cast.actor("admin"), api=api, authentication=settings)
    assert OAuthApp.objects.get().further_key is None


@pytest.mark.parametrize("wrong", ["two\nlines", "ключ", " spaces "])
def test_a_key_that_cannot_be_sent_is_refused(service: DialectServer, cast: Cast, wrong: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        walker_at(service, cast, entered=wrong)
    assert [name for name, _ in refusal.value.errors] == ["further_key"]


def test_beside_a_token_there_is_one_key_with_a_name_of_its_own(service: DialectServer, cast: Cast) -> None:
    for keys in ((IN_HEADER, IN_QUERY), (FurtherKey(name="Authorization"),)):
        with pytest.raises(InvalidInput) as refusal:
            describe(cast.actor("admin"), origin=service.url, client_id="a", client_secret="b", further_keys=keys)
        assert {name for name, _ in refusal.value.errors} == {"further_keys"}


def test_the_page_and_the_api_take_the_key(service: DialectServer, cast: Cast) -> None:
    api = walker_at(service, cast, entered=None).api
    client, address = client_for(cast.admin), f"/custom-apis/{api.integration.slug}/authentication/"
    form = client.get(address).context["form"]
    data = {name: "" if form[name].value() is None else form[name].value() for name in form.fields}
    data = {name: "on" if value is True else value for name, value in data.items() if value is not False}
    assert client.post(address, {**data, "further_key": KEY}).status_code == 302
    assert missing_of(CustomApi.objects.get(pk=api.pk)) == []
    sent = client.patch(
        f"/api/v1/integrations/{api.integration.slug}/", {"further_key": "another"}, content_type="application/json"
    )
    assert (sent.status_code, sent.json()["has_further_key"]) == (200, True)
    assert "another" not in sent.content.decode()
    stored = OAuthApp.objects.get().further_key
    assert stored is not None
    assert stored.reveal() == "another"


def document_at(service: DialectServer, person: dict[str, Any]) -> bytes:
    """A document whose requests need `person` together with a key."""
    schemes = {"person": person, "app": {"type": "apiKey", "in": "header", "name": "X-App-Key"}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Fernhill", "version": "1"},
        "servers": [{"url": f"{service.url}/api"}],
        "components": {"securitySchemes": schemes},
        "security": [{"person": [], "app": []}],
        "paths": {"/echo": {"get": {"responses": {"200": {"description": "An echo"}}}}},
    }
    return json.dumps(document).encode()


def test_an_imported_api_with_a_password_and_a_key_is_called_with_both(
    service: DialectServer, elsewhere: HttpServer, cast: Cast, mine: Caller
) -> None:
    admin = cast.actor("admin")
    content = document_at(service, {"type": "http", "scheme": "basic"})
    api = import_custom_api(actor=admin, content=content, source="pasted")
    assert (missing_of(api), api.notes) == ([], [])
    connection = connect_with_key(
        actor=cast.actor("member"),
        integration=Integration.objects.get(pk=api.pk),
        fields={"username": "ada", "password": "pass-of-ada", "key_2": KEY},
        params={},
        if_unchecked="store",
    )
    answer = b"".join(proxied(mine, connection, "echo").streaming_content).decode()
    (call,) = service.calls("/api/echo")
    assert (carried(call, IN_HEADER), call.headers["Authorization"]) == ([KEY], "Basic YWRhOnBhc3Mtb2YtYWRh")
    assert KEY not in answer
    change_custom_api(actor=admin, api=api, base_url=f"{elsewhere.url}/api")
    assert proxied(mine, connection, "echo").status_code >= 400
    assert elsewhere.received == []


def test_a_key_that_basic_requires_later_is_asked_from_each_connection(
    service: DialectServer, cast: Cast, mine: Caller
) -> None:
    admin, member = cast.actor("admin"), cast.actor("member")
    api = create_custom_api(actor=admin, name="Vault", base_url=f"{service.url}/api")
    api = save_authentication(actor=admin, api=api, authentication=Authentication(type="basic"))
    integration, entered = Integration.objects.get(pk=api.pk), {"username": "ada", "password": "pass-of-ada"}
    connection = connect_with_key(
        actor=member, integration=integration, fields=entered, params={}, if_unchecked="store"
    )
    settings = authentication_from(api.authentication).with_values({"further_keys": (IN_QUERY,)})
    save_authentication(actor=admin, api=api, authentication=settings)
    assert proxied(mine, connection, "echo").status_code == 409
    assert service.calls("/api/echo") == []
    connection = Connection.objects.with_details().get(pk=connection.pk)
    replace_key(actor=member, connection=connection, fields={"key_2": KEY}, if_unchecked="store")
    assert proxied(mine, connection, "echo").status_code == 200
    assert carried(service.calls("/api/echo")[0], IN_QUERY) == [KEY]


def own_client_api(service: DialectServer, cast: Cast, *, name: str = "Machines", **fields: Any) -> Integration:
    admin = cast.actor("admin")
    api = create_custom_api(actor=admin, name=name, base_url=f"{service.url}/api")
    described = Authentication(type="oauth2_client_credentials", token_url=f"{service.url}/token")
    save_authentication(actor=admin, api=api, authentication=described.with_values(fields))
    return Integration.objects.get(pk=api.pk)


def own_client_connection(service: DialectServer, cast: Cast, integration: Integration, **more: str) -> Connection:
    fields = {"client_id": "fernhill", "client_secret": "secret-of-fernhill", **more}
    return connect_with_key(actor=cast.actor("member"), integration=integration, fields=fields, params={})


def test_a_client_of_ones_own_brings_the_key_with_it(
    service: DialectServer, elsewhere: HttpServer, cast: Cast, mine: Caller
) -> None:
    integration = own_client_api(service, cast, further_keys=(IN_HEADER,))
    connection = own_client_connection(service, cast, integration, further_key=KEY)
    answer = b"".join(proxied(mine, connection, "echo").streaming_content).decode()
    (call,) = service.calls("/api/echo")
    assert carried(call, IN_HEADER) == [KEY]
    assert KEY not in answer
    assert not [one for one in service.calls("/token") if KEY in f"{one.path} {one.headers} {one.body.decode()}"]
    api = CustomApi.objects.get(pk=integration.pk)
    change_custom_api(actor=cast.actor("admin"), api=api, base_url=f"{elsewhere.url}/api")
    assert proxied(mine, connection, "echo").status_code >= 400
    assert elsewhere.received == []


def test_a_key_that_an_api_requires_later_is_asked_from_each_connection(
    service: DialectServer, cast: Cast, mine: Caller
) -> None:
    integration = own_client_api(service, cast)
    connection = own_client_connection(service, cast, integration)
    api = CustomApi.objects.get(pk=integration.pk)
    settings = authentication_from(api.authentication).with_values({"further_keys": (IN_HEADER,)})
    save_authentication(actor=cast.actor("admin"), api=api, authentication=settings)
    answer = proxied(mine, connection, "echo")
    assert (answer.status_code, answer["Specway-Error"]) == (409, ReauthorizationRequired.code)
    assert service.calls("/api/echo") == []


def test_responses_to_client_credentials_may_differ_from_the_standard(
    service: DialectServer, cast: Cast, mine: Caller
) -> None:
    def says(document: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "data": {"token": document["access_token"], "seconds": "600", "scopes": "a|b"}}

    service.dialect = replace(service.dialect, says=says)
    integration = own_client_api(
        service,
        cast,
        access_token_path="data.token",
        expires_in_path="data.seconds",
        scope_path="data.scopes",
        scope_response_separator="|",
        success_check=Check("ok", True),
        error_rules=error_rules_in("invalid_client 200 error=no_such_client\nslow_down error=busy"),
    )
    connection = own_client_connection(service, cast, integration)
    row = tokens_of(connection)
    assert row.expires_at is not None
    assert (row.expires_at - row.obtained_at).total_seconds() == 600
    assert connection.scopes_granted == ["a", "b"]
    refresh_now(connection=connection, actor=cast.actor("member"))
    assert proxied(mine, connection, "echo").status_code == 200
    service.dialect = replace(service.dialect, says=lambda _: {"ok": False, "error": "no_such_client"})
    with pytest.raises(KeyRefused, match="invalid_client"):
        own_client_connection(service, cast, integration)


class RawClient(ClientCredentials):
    """A server that does not decode the parts of the header (RFC 6749 2.3.1)."""

    def basic(self) -> str:
        return self.raw_basic()


def test_a_client_of_ones_own_may_be_sent_in_a_raw_header(service: DialectServer, cast: Cast) -> None:
    service.client = RawClient("fernhill", "half%of/it")
    integration = own_client_api(service, cast, basic_credentials="raw")
    assert own_client_connection(service, cast, integration, client_secret="half%of/it").status == "active"
    encoded = own_client_api(service, cast, name="Encoded")
    with pytest.raises(KeyRefused):
        own_client_connection(service, cast, encoded, client_secret="half%of/it")
