"""Connections made by entering a key: checked over real sockets, stored sealed, replaced in place, disconnected."""

import base64
import json
import logging
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection as database

from apps import egress
from apps.audit.models import AuditEvent
from apps.connections.errors import AnotherAccount, ForeignHost, KeyNotChecked, KeyRefused, WrongKind
from apps.connections.models import Connection, Credential, Status, TokenSet
from apps.connections.services.credentials import connect_with_key, replace_key, stored_ending
from apps.connections.services.disconnect import disconnect
from apps.connections.services.refresh import refresh_now
from apps.connections.services.stored_key import stored_fields
from apps.egress import destination
from apps.errors import NotAllowed, NotFound
from apps.integrations.errors import InvalidInput
from apps.integrations.models import Integration
from apps.oauth.signing import RequestParts
from apps.teams.actor import service_actor
from apps.teams.models import ApiKey
from tests.connections.signed import signed_request
from tests.factories import make_key
from tests.fixtures.connections import ORIGIN, Cast, actions
from tests.servers import HttpServer, http_server

pytestmark = pytest.mark.django_db
WORKS = json.dumps({"ok": True, "id": 41, "name": "Fernhill Ltd"}).encode()


@pytest.fixture
def service(kinds: None, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Any) -> Iterator[HttpServer]:
    settings.SPOOL_DIR = str(tmp_path / "spool")
    with http_server() as running:
        monkeypatch.setattr(destination, "_allowed", frozenset())
        egress.configure(allowed_hosts=[f"127.0.0.1:{running.port}"])
        yield running


def integration(slug: str) -> Integration:
    return Integration.objects.get(slug=slug)


def keyed(service: HttpServer, cast: Cast, key: str = "", **more: Any) -> Connection:
    fields = {"account": "acme", "region": "eu west", "api_key": key or secrets.token_urlsafe(24)}
    fields |= more.pop("fields", {})
    return connect_with_key(
        actor=cast.actor("member"),
        integration=integration("keyed"),
        fields=fields,
        params={"origin": service.url},
        **more,
    )


def test_a_key_is_tried_in_its_place_and_the_connection_takes_the_accounts_name(
    service: HttpServer, cast: Cast
) -> None:
    service.will_answer(200, WORKS)
    key = secrets.token_urlsafe(24)
    made = keyed(service, cast, key)
    (call,) = service.received
    assert (call.method, call.path) == ("GET", "/api/me?region=eu+west")
    assert (call.headers["Authorization"], call.headers["X-Account"]) == (f"Token {key}", "acme")
    assert call.headers["X-Version"] == "7"
    assert (made.name, made.account_subject, made.status) == ("Fernhill Ltd", "41", Status.ACTIVE)
    assert stored_fields(made) == {"account": "acme", "region": "eu west", "api_key": key}
    assert Credential.objects.get().checked_at is not None
    assert actions() == ["connection.created"]
    assert not TokenSet.objects.exists()


def test_a_name_of_ones_own_wins(service: HttpServer, cast: Cast) -> None:
    service.will_answer(200, WORKS)
    assert keyed(service, cast, name=" Warehouse ").name == "Warehouse"


@pytest.mark.parametrize(
    ("status", "body"), [(401, b"{}"), (403, b"{}"), (400, b"no"), (404, b"{}"), (200, b'{"ok": false}')]
)
def test_a_refused_key_is_not_stored(service: HttpServer, cast: Cast, status: int, body: bytes) -> None:
    service.will_answer(status, body)
    with pytest.raises(KeyRefused) as refused:
        keyed(service, cast, if_unchecked="store")
    assert refused.value.extra == {"answered": status}
    assert str(status) in refused.value.sentence
    assert not Connection.objects.exists()
    assert actions() == []


def test_a_right_key_that_may_not_make_the_call_is_stored(service: HttpServer, cast: Cast) -> None:
    service.will_answer(403, b'{"code": "restricted"}')
    assert keyed(service, cast).name == "Keyed key"
    assert Credential.objects.get().checked_at is not None


@pytest.mark.parametrize("status", [500, 503, 429, 302])
def test_what_says_nothing_about_the_key_is_stored_only_as_a_second_choice(
    service: HttpServer, cast: Cast, status: int
) -> None:
    service.will_answer(status, b"{}")
    with pytest.raises(KeyNotChecked):
        keyed(service, cast)
    assert not Connection.objects.exists()
    made = keyed(service, cast, if_unchecked="store")
    assert Credential.objects.get(connection=made).checked_at is None
    assert AuditEvent.objects.get().detail["checked"] is False


def test_a_page_instead_of_json_is_no_proof(service: HttpServer, cast: Cast) -> None:
    service.will_answer(200, b"<html>Welcome</html>", Content_Type="text/html")
    with pytest.raises(KeyNotChecked, match="does not look like one of Keyed"):
        keyed(service, cast)


def test_no_server_listens(service: HttpServer, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    egress.configure(allowed_hosts=["127.0.0.1:9"])
    with pytest.raises(KeyNotChecked, match="could not be reached"):
        connect_with_key(
            actor=cast.actor("member"),
            integration=integration("keyed"),
            fields={"account": "acme", "region": "eu", "api_key": "x"},
            params={"origin": "http://127.0.0.1:9"},
        )


def test_a_private_address_is_not_asked(service: HttpServer, cast: Cast) -> None:
    egress.configure(allowed_hosts=[])
    with pytest.raises(InvalidInput) as refused:
        keyed(service, cast)
    assert [name for name, _ in refused.value.errors] == ["param.origin"]
    assert service.received == []


@pytest.mark.parametrize(
    ("fields", "params", "names"),
    [
        ({"api_key": ""}, {}, {"field.api_key"}),
        ({"api_key": "a\nb"}, {}, {"field.api_key"}),
        ({"api_key": "schlüssel"}, {}, {"field.api_key"}),
        ({"api_key": 5}, {}, {"field.api_key"}),
        ({"account": "evil/../x"}, {}, {"field.account"}),
        ({"other": "x"}, {}, {"field.other"}),
        ({}, {"origin": "http://127.0.0.1:80@evil.example"}, {"param.origin"}),
        ({}, {"origin": "http://evil.example/#"}, {"param.origin"}),
        ({}, {"more": "x"}, {"param.more"}),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_sent(
    service: HttpServer, cast: Cast, fields: dict[str, Any], params: dict[str, str], names: set[str]
) -> None:
    entered = {"account": "acme", "region": "eu", "api_key": "k" * 20} | fields
    with pytest.raises(InvalidInput) as wrong:
        connect_with_key(
            actor=cast.actor("member"),
            integration=integration("keyed"),
            fields=entered,
            params={"origin": service.url} | params,
        )
    assert {name for name, _ in wrong.value.errors} == names
    assert all(str(value) not in wrong.value.sentence for value in fields.values() if value not in ("", "x"))
    assert service.received == []


def test_a_service_without_a_check_stores_it_and_the_path_carries_it(service: HttpServer, cast: Cast) -> None:
    key = secrets.token_urlsafe(20)
    made = connect_with_key(
        actor=cast.actor("member"),
        integration=integration("unverifiable"),
        fields={"api_key": key},
        params={"origin": service.url},
    )
    assert service.received == []
    assert (made.name, Credential.objects.get().checked_at) == ("Unverifiable key", None)
    signed = signed_request(made, RequestParts("GET", f"{service.url}/send?x=1"))
    assert signed.url == f"{service.url}/bot{key}/send?x=1"
    assert key not in repr(signed)


def test_user_name_and_password_go_out_as_basic(service: HttpServer, cast: Cast) -> None:
    service.will_answer(200, WORKS)
    password = "pä:ss " + secrets.token_urlsafe(8)
    fields = {"email": "ada@example.com", "password": password}
    origin = {"origin": service.url}
    actor = cast.actor("member")
    made = connect_with_key(actor=actor, integration=integration("basic"), fields=fields, params=origin)
    sent = service.received[0].headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent).decode() == f"ada@example.com:{password}"
    with pytest.raises(InvalidInput):
        connect_with_key(
            actor=actor, integration=integration("basic"), fields={**fields, "email": "a:b"}, params=origin
        )
    assert made.name == "Fernhill Ltd"


def test_a_connection_belongs_to_a_person(service: HttpServer, cast: Cast) -> None:
    key, _ = make_key(cast.admin, ApiKey.Kind.SERVICE)
    with pytest.raises(NotAllowed):
        connect_with_key(
            actor=service_actor(key, origin=ORIGIN), integration=integration("keyed"), fields={}, params={}
        )


def test_a_service_that_asks_for_consent_takes_no_key(service: HttpServer, cast: Cast) -> None:
    with pytest.raises(WrongKind):
        connect_with_key(actor=cast.actor("member"), integration=integration("signed"), fields={}, params={})


# --- replacing --------------------------------------------------------------------------------------------------------


def test_a_new_key_takes_the_place_of_the_old_and_the_rest_stays(service: HttpServer, cast: Cast) -> None:
    service.will_answer(200, WORKS)
    made = keyed(service, cast)
    Connection.objects.update(status=Status.NEEDS_ATTENTION, status_reason="key_refused")
    new = secrets.token_urlsafe(24)
    replaced = replace_key(actor=cast.actor("member"), connection=made, fields={"api_key": new, "account": " "})
    assert stored_fields(made) == {"account": "acme", "region": "eu west", "api_key": new}
    assert (replaced.pk, replaced.status) == (made.pk, Status.ACTIVE)
    assert Credential.objects.get().replaced_at is not None
    assert actions()[-2:] == ["connection.key_replaced", "connection.recovered"]


def test_the_old_key_stays_where_the_new_one_is_refused(service: HttpServer, cast: Cast) -> None:
    service.will_answer(200, WORKS)
    service.will_answer(401, b"{}")
    made = keyed(service, cast, "old-" + "k" * 20)
    with pytest.raises(KeyRefused):
        replace_key(actor=cast.actor("member"), connection=made, fields={"api_key": "new"})
    assert stored_fields(made)["api_key"] == "old-" + "k" * 20


def test_a_key_of_another_account_is_not_slipped_in(service: HttpServer, cast: Cast) -> None:
    service.will_answer(200, WORKS)
    service.will_answer(200, b'{"ok": true, "id": 42, "name": "Another"}')
    made = keyed(service, cast)
    before = stored_fields(made)
    with pytest.raises(AnotherAccount, match="Another"):
        replace_key(actor=cast.actor("member"), connection=made, fields={"api_key": "n"})
    assert stored_fields(made) == before


def test_replacing_nothing_is_reported(service: HttpServer, cast: Cast) -> None:
    service.will_answer(200, WORKS)
    made = keyed(service, cast)
    with pytest.raises(InvalidInput):
        replace_key(actor=cast.actor("member"), connection=made, fields={"api_key": ""})


def test_a_key_for_a_connection_that_is_being_disconnected_is_dropped(service: HttpServer, cast: Cast) -> None:
    service.will_answer(200, WORKS)
    made = keyed(service, cast)
    Connection.objects.update(status=Status.DISCONNECTING)
    with pytest.raises(NotFound):
        replace_key(actor=cast.actor("member"), connection=made, fields={"api_key": "n"})


# --- using and ending -------------------------------------------------------------------------------------------------


def test_a_request_is_signed_for_the_services_own_host_only(service: HttpServer, cast: Cast) -> None:
    service.will_answer(200, WORKS)
    made = keyed(service, cast)
    given = {"authorization": "Bearer stolen", "Accept": "text/plain"}
    parts = RequestParts("POST", f"{service.url}/api/x?region=us&a=1", given, b"body")
    signed = signed_request(made, parts)
    assert signed.url == f"{service.url}/api/x?a=1&region=eu+west"
    assert signed.headers["Authorization"].startswith("Token ")
    assert "authorization" not in signed.headers
    assert (signed.headers["Accept"], signed.body) == ("text/plain", b"body")
    for elsewhere in (
        "https://evil.example/api",
        "http://127.0.0.1:1/api",
        f"http://127.0.0.1:{service.port}@evil.example/",
    ):
        with pytest.raises(ForeignHost):
            signed_request(made, RequestParts("GET", elsewhere))


def test_there_is_nothing_to_refresh(service: HttpServer, cast: Cast) -> None:
    service.will_answer(200, WORKS)
    with pytest.raises(WrongKind, match="nothing to refresh"):
        refresh_now(connection=keyed(service, cast), actor=cast.actor("member"))


def test_disconnecting_erases_it_and_says_that_the_service_was_not_informed(service: HttpServer, cast: Cast) -> None:
    service.will_answer(200, WORKS)
    done = disconnect(actor=cast.actor("member"), connection=keyed(service, cast))
    assert done.revocation == "none"
    assert "still works at" in done.sentence
    assert not Credential.objects.exists()
    assert len(service.received) == 1


def test_only_the_end_of_a_long_key_is_shown(service: HttpServer, cast: Cast) -> None:
    service.will_answer(200, WORKS)
    assert stored_ending(keyed(service, cast, "k" * 20 + "7f2a")) == "7f2a"
    assert stored_ending(keyed(service, cast, "short-7f2a")) == ""


def test_secrets_stand_nowhere(service: HttpServer, cast: Cast, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    service.will_answer(200, WORKS)
    key, new = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    made = keyed(service, cast, key)
    replace_key(actor=cast.actor("member"), connection=made, fields={"api_key": new})
    row = Credential.objects.get()
    service.answers = [(401, {}, b"{}")]
    with pytest.raises(KeyRefused) as refused:
        keyed(service, cast, key)
    with database.cursor() as cursor:
        cursor.execute("SELECT * FROM connections_credential")
        dump = repr([[bytes(v) if isinstance(v, memoryview) else v for v in line] for line in cursor.fetchall()])
    events = repr(list(AuditEvent.objects.values()))
    for text in (caplog.text, dump, events, repr(row), str(row.fields), str(refused.value), repr(refused.value.extra)):
        assert key not in text
        assert new not in text
