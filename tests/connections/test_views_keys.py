"""The pages and API of connections with a key: who may do what, what each answer says, and that no secret is shown."""

import json
import logging
import re
import secrets
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from apps import egress
from apps.connections.models import Connection, Credential, Status
from apps.connections.services.credentials import connect_with_key
from apps.connections.services.stored_key import stored_fields
from apps.egress import destination
from apps.integrations.models import Integration
from apps.teams.models import ApiKey, Membership
from tests.connections.pages import share
from tests.factories import actor_for, client_for, make_key
from tests.fixtures.connections import Cast, actions
from tests.servers import HttpServer, http_server

pytestmark = pytest.mark.django_db
WORKS = json.dumps({"ok": True, "id": 41, "name": "Fernhill Ltd"}).encode()
LIST = reverse("connections:list")
CONNECT = reverse("connections:connect_key", args=["keyed"])


@pytest.fixture
def service(kinds: None, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Any) -> Iterator[HttpServer]:
    settings.SPOOL_DIR = str(tmp_path / "spool")
    with http_server() as running:
        monkeypatch.setattr(destination, "_allowed", frozenset())
        egress.configure(allowed_hosts=[f"127.0.0.1:{running.port}"])
        yield running


def entered(service: HttpServer, key: str, **more: str) -> dict[str, str]:
    fields = {"field.account": "acme", "field.region": "eu", "field.api_key": key}
    return {"param.origin": service.url, **fields, **more}


def words(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def made_by(service: HttpServer, who: Membership, cast: Cast, key: str = "") -> Connection:
    service.answers = []
    service.will_answer(200, WORKS)
    return connect_with_key(
        actor=actor_for(who),
        integration=Integration.objects.get(slug="keyed"),
        fields={"account": "acme", "region": "eu", "api_key": key or secrets.token_urlsafe(24)},
        params={"origin": service.url},
    )


# --- pages ------------------------------------------------------------------------------------------------------------


def test_the_service_page_has_credential_fields_instead_of_scopes(service: HttpServer, cast: Cast) -> None:
    page = words(client_for(cast.member).get(reverse("connections:service", args=["keyed"])))
    assert f'action="{CONNECT}"' in page
    assert "Lower case letters." in page
    assert 'type="password" name="field.api_key"' in page
    assert 'data-preview="{origin}/api"' in page
    assert 'data-param="origin"' in page
    assert "Not set up yet" not in page
    assert "What this connection may do" not in page


def test_a_working_key_redirects_to_the_list_with_a_message(service: HttpServer, cast: Cast) -> None:
    service.will_answer(200, WORKS)
    browser = client_for(cast.member)
    answer = browser.post(CONNECT, entered(service, "k" * 24))
    made = Connection.objects.get()
    assert answer["Location"] == f"{LIST}?new={made.pk}"
    page = words(browser.get(answer["Location"]))
    assert "Fernhill Ltd is connected: Keyed accepted the key." in page
    assert '<span class="badge">API key</span>' in page
    assert reverse("connections:key", args=[made.pk]) in page
    assert reverse("connections:refresh", args=[made.pk]) not in page
    assert reverse("connections:reconnect", args=[made.pk]) not in page


def test_a_refused_key_is_reported_and_not_repeated(service: HttpServer, cast: Cast) -> None:
    service.will_answer(401, b"{}")
    key = secrets.token_urlsafe(24)
    answer = client_for(cast.member).post(CONNECT, entered(service, key))
    page = words(answer)
    assert answer.status_code == 400
    assert "HTTP status 401" in page
    assert "Nothing was stored" in page
    assert "Store unchecked" not in page
    assert key not in page
    assert 'value="acme"' in page


def test_storing_unverified_is_offered_only_after_a_failed_check(service: HttpServer, cast: Cast) -> None:
    service.will_answer(503, b"{}")
    browser = client_for(cast.member)
    assert "Store unchecked" not in words(browser.get(CONNECT))
    answer = browser.post(CONNECT, entered(service, "k" * 24))
    assert answer.status_code == 503
    assert 'name="unchecked" value="store"' in words(answer)
    assert not Connection.objects.exists()
    browser.post(CONNECT, entered(service, "k" * 24, unchecked="store"))
    assert Credential.objects.get().checked_at is None
    assert "stored, not verified" in words(browser.get(LIST))


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example/#", "http://127.0.0.1:1@evil.example", "http://127.0.0.1:1\\@evil", "http://１27.0.0.1:1"],
)
def test_a_parameter_error_is_at_its_field(service: HttpServer, cast: Cast, origin: str) -> None:
    page = words(client_for(cast.member).post(CONNECT, entered(service, "k" * 24, **{"param.origin": origin})))
    assert 'href="#id_param.origin"' in page
    assert 'aria-invalid="true"' in page
    assert service.received == []


def test_a_service_without_a_check_is_reported(service: HttpServer, cast: Cast) -> None:
    browser = client_for(cast.member)
    url = reverse("connections:connect_key", args=["unverifiable"])
    browser.post(url, {"param.origin": service.url, "field.api_key": "k" * 24})
    assert "Unverifiable has no call to check a key with" in words(browser.get(LIST))


def test_a_refused_key_offers_its_replacement(service: HttpServer, cast: Cast) -> None:
    made = made_by(service, cast.member, cast)
    Connection.objects.update(status=Status.NEEDS_ATTENTION, status_reason="key_refused")
    page = words(client_for(cast.member).get(LIST))
    assert "This key was rejected by Keyed." in page
    assert f'id="replace-{made.pk}"' in page


def test_the_key_page_shows_its_use_and_replaces_it(service: HttpServer, cast: Cast) -> None:
    old, new = "o" * 20 + "1234", "n" * 20 + "5678"
    made = made_by(service, cast.member, cast, old)
    browser, url = client_for(cast.member), reverse("connections:key", args=[made.pk])
    page = words(browser.get(url))
    assert "Authorization: Token …" in page
    assert "?region=…" in page
    assert "…1234" in page
    answer = browser.post(url, {"field.api_key": new})
    assert answer["Location"] == url
    page += words(browser.get(url))
    assert "…5678" in page
    assert "Replaced" in page
    assert stored_fields(made)["api_key"] == new
    assert old not in page
    assert new not in page


def test_a_refused_replacement_leaves_the_old_key(service: HttpServer, cast: Cast) -> None:
    made = made_by(service, cast.member, cast)
    before = stored_fields(made)
    service.answers = []
    service.will_answer(403, b"{}")
    answer = client_for(cast.member).post(reverse("connections:key", args=[made.pk]), {"field.api_key": "n" * 9})
    assert "This key was rejected by Keyed" in words(answer)
    assert stored_fields(made) == before


def test_the_disconnect_question_promises_no_impossible_revocation(service: HttpServer, cast: Cast) -> None:
    made = made_by(service, cast.member, cast)
    browser, url = client_for(cast.member), reverse("connections:disconnect", args=[made.pk])
    assert "It stays valid at Keyed" in words(browser.get(url))
    assert "Nothing to revoke at Keyed" in words(browser.post(url))


def test_each_route_requires_the_level_manage(service: HttpServer, cast: Cast) -> None:
    made = made_by(service, cast.owner, cast)
    url = reverse("connections:key", args=[made.pk])
    calls = len(service.received)
    for stranger in (cast.stranger, cast.member):
        assert client_for(stranger).get(url).status_code == 404
        assert client_for(stranger).post(url, {"field.api_key": "n"}).status_code == 404
    assert client_for(cast.owner).get(reverse("connections:key", args=[uuid4()])).status_code == 404
    share(made, level="view")
    assert client_for(cast.member).get(url).status_code == 403
    assert client_for(cast.member).post(url, {"field.api_key": "n"}).status_code == 403
    assert client_for(cast.admin).get(url).status_code == 200
    for address in (url, CONNECT):
        assert "/accounts/login/" in Client().post(address)["Location"]
        assert client_for(cast.owner, enforce_csrf_checks=True).post(address).status_code == 403
    assert client_for(cast.owner).get(reverse("connections:connect_key", args=["nowhere"])).status_code == 404
    assert client_for(cast.owner).get(reverse("connections:connect_key", args=["signed"])).status_code == 409
    Integration.objects.update(is_enabled=False)
    assert client_for(cast.owner).get(CONNECT).status_code == 404
    assert len(service.received) == calls


# --- API --------------------------------------------------------------------------------------------------------------


class Api:
    """A program with an API key."""

    def __init__(self, membership: Membership, kind: ApiKey.Kind = ApiKey.Kind.PERSONAL, **more: Any) -> None:
        _, text = make_key(membership, kind, **more)
        self.headers = {"authorization": f"Bearer {text}"}
        self.client = Client()

    def call(self, method: str, path: str, document: Any = None) -> Any:
        return self.client.generic(
            method,
            f"/api/v1/{path}",
            json.dumps(document or {}) if method != "GET" else "",
            content_type="application/json",
            headers=self.headers,
        )


def document(service: HttpServer, key: str, **more: Any) -> dict[str, Any]:
    fields = {"account": "acme", "region": "eu", "api_key": key}
    return {"integration": "keyed", "fields": fields, "params": {"origin": service.url}, **more}


def test_the_api_creates_a_connection_and_returns_its_credentials(service: HttpServer, cast: Cast) -> None:
    service.will_answer(200, WORKS)
    key, api = secrets.token_urlsafe(24), Api(cast.member)
    answer = api.call("POST", "connections/", document(service, key))
    assert answer.status_code == 201
    made = answer.json()
    assert (made["kind"], made["name"], made["status"]) == ("api_key", "Fernhill Ltd", "active")
    assert (made["expires_at"], made["next_refresh_at"]) == (None, None)
    assert key not in answer.content.decode()
    token = api.call("POST", f"connections/{made['id']}/token/")
    assert token["Cache-Control"] == "no-store"
    assert token.json() == {
        "kind": "api_key",
        "headers": {"X-Version": "7", "Authorization": f"Token {key}", "X-Account": "acme"},
        "query": {"region": "eu"},
        "path_prefix": "",
        "connection": made["id"],
    }
    assert actions()[-1] == "token.handed_out"
    assert Connection.objects.get().last_used_at is not None
    refused = api.call("POST", f"connections/{made['id']}/refresh/")
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_kind")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"status": "active"}, "status"),
        ({"owner": "x"}, "owner"),
        ({"fields": {"account": "acme", "region": "eu"}}, "fields.api_key"),
        ({"params": {"origin": "http://evil.example/#"}}, "params.origin"),
        ({"integration": "nowhere"}, "integration"),
        ({"scopes": ["admin"]}, "scopes"),
    ],
)
def test_invalid_values_are_reported_by_field(
    service: HttpServer, cast: Cast, change: dict[str, Any], field: str
) -> None:
    answer = Api(cast.member).call("POST", "connections/", document(service, "k" * 24) | change)
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert service.received == []


def test_a_refused_key_and_an_unreachable_service_have_codes(service: HttpServer, cast: Cast) -> None:
    api = Api(cast.member)
    service.will_answer(401, b"{}")
    refused = api.call("POST", "connections/", document(service, "k" * 24))
    assert (refused.status_code, refused.json()["code"], refused.json()["answered"]) == (400, "key_refused", 401)
    service.answers = []
    service.will_answer(500, b"{}")
    silent = api.call("POST", "connections/", document(service, "k" * 24))
    assert (silent.status_code, silent.json()["code"]) == (503, "key_not_checked")
    stored = api.call("POST", "connections/", document(service, "k" * 24, if_unchecked="store"))
    assert stored.status_code == 201


def test_the_api_renames_and_replaces_and_nothing_else(service: HttpServer, cast: Cast) -> None:
    made = made_by(service, cast.member, cast)
    api, path = Api(cast.member), f"connections/{made.pk}/"
    new = secrets.token_urlsafe(24)
    answer = api.call("PATCH", path, {"name": "Warehouse", "fields": {"api_key": new}})
    assert (answer.status_code, answer.json()["name"]) == (200, "Warehouse")
    assert stored_fields(made)["api_key"] == new
    assert new not in answer.content.decode()
    assert actions()[-2:] == ["connection.key_replaced", "connection.renamed"]
    for forbidden in ("team", "owner", "status", "scopes", "params", "kind"):
        answer = api.call("PATCH", path, {forbidden: "x"})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, forbidden)
    assert api.call("PATCH", path, {"name": " "}).status_code == 400


def test_only_the_owner_and_service_keys_get_the_key(service: HttpServer, cast: Cast) -> None:
    made = made_by(service, cast.member, cast)
    path = f"connections/{made.pk}/token/"
    machine = Api(cast.admin, ApiKey.Kind.SERVICE)
    assert machine.call("POST", path).status_code == 404
    assert Api(cast.stranger).call("POST", path).status_code == 404
    share(made, level="manage")
    assert Api(cast.owner).call("POST", path).status_code == 403
    assert machine.call("POST", path).status_code == 200
    assert Api(cast.member, scopes=["connections:read"]).call("POST", path).status_code == 403


def test_creating_and_changing_require_the_write_scope(service: HttpServer, cast: Cast) -> None:
    made = made_by(service, cast.owner, cast)
    path = f"connections/{made.pk}/"
    reader = Api(cast.owner, scopes=["connections:read"])
    assert reader.call("PATCH", path, {"name": "x"}).status_code == 403
    assert reader.call("POST", "connections/", document(service, "k")).status_code == 403
    assert Api(cast.member).call("PATCH", path, {"name": "x"}).status_code == 404
    assert Api(cast.stranger).call("PATCH", path, {"name": "x"}).status_code == 404
    share(made, level="view")
    assert Api(cast.member).call("PATCH", path, {"name": "x"}).status_code == 403
    assert (
        Api(cast.admin, ApiKey.Kind.SERVICE).call("POST", "connections/", document(service, "k" * 9)).status_code == 403
    )
    assert Connection.objects.count() == 1


def test_the_integration_lists_its_credential_fields(service: HttpServer, cast: Cast) -> None:
    answer = Api(cast.member).call("GET", "integrations/keyed/").json()
    assert [field["name"] for field in answer["credential_fields"]] == ["account", "region", "api_key"]
    assert answer["credential_fields"][0]["hint"] == "Lower case letters."
    assert answer["is_set_up"] is True


def test_no_page_response_or_log_contains_the_key(
    service: HttpServer, cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service.will_answer(200, WORKS)
    key, browser = secrets.token_urlsafe(24), client_for(cast.member)
    browser.post(CONNECT, entered(service, key))
    made = Connection.objects.get()
    seen = [browser.get(url).content.decode() for url in (LIST, reverse("connections:key", args=[made.pk]))]
    seen += [browser.get(reverse(name)).content.decode() for name in ("audit:list",)]
    seen.append(Api(cast.member).call("GET", f"connections/{made.pk}/").content.decode())
    seen.append(caplog.text)
    assert all(key not in text for text in seen)
