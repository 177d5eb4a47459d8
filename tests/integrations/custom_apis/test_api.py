"""A team's own APIs through the REST API."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from apps import egress
from apps.audit.models import AuditEvent
from apps.egress import destination
from apps.integrations.catalog.provider_config import provider_config
from apps.integrations.models import Integration, OAuthApp
from apps.oauth.conditions import EndedTokenSign, ErrorRule
from apps.oauth.paths import Check
from apps.teams.models import Membership, Role
from tests.factories import make_key, make_member
from tests.integrations.custom_apis.openapi import documents
from tests.servers import http_server

pytestmark = pytest.mark.django_db

URL = "/api/v1/integrations/"
SECRET = "s3cret-of-fernhill"
OAUTH: dict[str, Any] = {
    "name": "Carrier Hub",
    "base_url": "https://api.carrier.example/v2",
    "auth_type": "oauth2",
    "authorization_url": "https://login.carrier.example/authorize",
    "token_url": "https://login.carrier.example/token",
    "client_id": "fernhill",
    "client_secret": SECRET,
    "scopes": [{"name": "shipments:read", "description": "See shipments"}],
}


@pytest.fixture
def admin() -> Membership:
    return make_member(role=Role.ADMIN)


def send(who: Membership, method: str, url: str, body: Any = None, **options: Any) -> HttpResponse:
    scopes = options.pop("scopes", ["connections:read", "integrations:write"])
    _, key = make_key(who, scopes=scopes, **options)
    call = getattr(Client(headers={"Authorization": f"Bearer {key}"}), method)
    answer: HttpResponse = call(url, body, content_type="application/json") if body is not None else call(url)
    return answer


def fields_of(answer: HttpResponse) -> list[str]:
    return [error["field"] for error in json.loads(answer.content)["errors"]]


def test_an_admin_makes_one_and_the_secret_never_comes_back(admin: Membership) -> None:
    answer = send(admin, "post", URL, OAUTH)
    assert answer.status_code == 201, answer.content
    made = json.loads(answer.content)
    assert (made["slug"], made["missing"], made["is_set_up"]) == ("carrier-hub", [], True)
    assert (made["client_id"], made["has_client_secret"]) == ("fernhill", True)
    assert made["redirect_uri"].endswith(f"/oauth/return/{made['id']}")
    shown = send(admin, "get", f"{URL}carrier-hub/")
    assert json.loads(shown.content)["redirect_uri"] == made["redirect_uri"]
    assert SECRET not in answer.content.decode() + shown.content.decode()


def test_what_is_missing_is_said_and_can_follow(admin: Membership) -> None:
    first = send(admin, "post", URL, {"name": "Hub", "base_url": "https://api.hub.example", "auth_type": "oauth2"})
    assert json.loads(first.content)["missing"] == ["authorization_url", "token_url", "client_id"]
    later = {name: OAUTH[name] for name in ("authorization_url", "token_url", "client_id", "client_secret")}
    second = send(admin, "patch", f"{URL}hub/", later)
    assert (second.status_code, json.loads(second.content)["missing"]) == (200, [])


def test_members_service_keys_and_narrow_keys_may_not(admin: Membership) -> None:
    send(admin, "post", URL, OAUTH)
    member = make_member(admin.team)
    for who, options in (
        (member, {}),
        (admin, {"kind": "service", "scopes": ["connections:read", "connections:write"]}),
        (admin, {"scopes": ["connections:read"]}),
    ):
        assert send(who, "post", URL, OAUTH, **options).status_code == 403
        assert send(who, "patch", f"{URL}carrier-hub/", {"name": "Mine"}, **options).status_code == 403
        assert send(who, "delete", f"{URL}carrier-hub/", **options).status_code == 403
        body = {"document": documents.as_bytes(documents.CHAT).decode()}
        assert send(who, "post", f"{URL}import/", body, **options).status_code == 403
    assert Integration.objects.filter(team=admin.team).count() == 1


def test_a_service_key_with_the_scope_makes_changes_and_deletes_one(admin: Membership) -> None:
    assert send(admin, "post", URL, OAUTH, kind="service").status_code == 201
    changed = send(admin, "patch", f"{URL}carrier-hub/", {"name": "Renamed"}, kind="service")
    assert (changed.status_code, json.loads(changed.content)["name"]) == (200, "Renamed")
    body = {"document": documents.as_bytes(documents.CHAT).decode()}
    assert send(admin, "post", f"{URL}import/", body, kind="service").status_code == 201
    assert send(admin, "delete", f"{URL}carrier-hub/", kind="service").status_code == 204
    assert set(AuditEvent.objects.filter(action__startswith="integration.").values_list("actor_kind", flat=True)) == {
        "service"
    }


def test_another_teams_and_built_in_services_are_not_found(admin: Membership) -> None:
    send(admin, "post", URL, OAUTH)
    Integration.objects.get_or_create(slug="slack", team=None, defaults={"name": "Slack"})
    stranger = make_member(role=Role.OWNER)
    for who, slug in ((stranger, "carrier-hub"), (admin, "slack")):
        assert send(who, "patch", f"{URL}{slug}/", {"name": "Mine"}).status_code == 404
        assert send(who, "delete", f"{URL}{slug}/").status_code == 404
    assert send(stranger, "get", f"{URL}carrier-hub/").status_code == 404
    assert "carrier" not in send(stranger, "get", URL).content.decode()


@pytest.mark.parametrize(
    "name", ["team", "slug", "id", "kind", "definition", "is_enabled", "filled_in", "base_url_fingerprint"]
)
def test_unknown_fields_are_errors(admin: Membership, name: str) -> None:
    send(admin, "post", URL, OAUTH)
    assert fields_of(send(admin, "post", URL, OAUTH | {name: "x"})) == [name]
    assert fields_of(send(admin, "patch", f"{URL}carrier-hub/", {name: "x"})) == [name]


def test_a_changed_token_url_requires_the_secret_again(admin: Membership) -> None:
    send(admin, "post", URL, OAUTH)
    moved = {"token_url": "https://evil.example/token"}
    refused = send(admin, "patch", f"{URL}carrier-hub/", moved)
    assert (refused.status_code, fields_of(refused)) == (400, ["client_secret"])
    assert send(admin, "patch", f"{URL}carrier-hub/", moved | {"client_secret": "new"}).status_code == 200


def test_nothing_is_kept_of_what_was_refused_in_part(admin: Membership) -> None:
    answer = send(admin, "post", URL, OAUTH | {"token_url": "http://127.0.0.1/token"})
    assert (answer.status_code, fields_of(answer)) == (400, ["token_url"])
    assert not Integration.objects.filter(team=admin.team).exists()


RESPONSES: dict[str, Any] = {
    "hosts": [{"name": "uploads", "base_url": "https://upload.carrier.example/v2", "label": "Files"}],
    "access_token_path": "data.token",
    "scope_response_separator": "|",
    "basic_credentials": "raw",
    "success_check": {"path": "ok", "equals": True},
    "error_rules": [
        {"means": "invalid_grant", "statuses": [400], "path": "error.code", "values": [190, "460"], "description": ""}
    ],
    "ended_token": [{"statuses": [200], "path": "errors[0].code", "values": ["602"], "description": ""}],
}


def test_what_its_responses_mean_is_stored_and_used(admin: Membership) -> None:
    answer = send(admin, "post", URL, OAUTH | RESPONSES)
    assert answer.status_code == 201, answer.content
    assert RESPONSES.items() <= json.loads(answer.content).items()
    provider = provider_config(Integration.objects.get(slug="carrier-hub"))
    assert (provider.access_token_path, provider.scope_response_separator) == ("data.token", "|")
    assert provider.basic_credentials == "raw"
    assert provider.success_check == Check("ok", True)
    assert provider.error_rules == (ErrorRule("invalid_grant", (400,), "error.code", (190, "460")),)
    assert provider.ended_token == (EndedTokenSign((200,), "errors[0].code", ("602",)),)
    assert provider.token_endpoint_auth_method == "client_secret_basic"
    cleared = send(admin, "patch", f"{URL}carrier-hub/", {"error_rules": [], "success_check": None, "hosts": []})
    assert json.loads(cleared.content)["hosts"] == []
    assert provider_config(Integration.objects.get(slug="carrier-hub")).error_rules == ()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"error_rules": [{"means": "invalid_grant"}]}, "error_rules"),
        ({"error_rules": [{"means": "invalid_grant", "path": "a..b"}]}, "error_rules"),
        ({"ended_token": [{"description": "x"}]}, "ended_token"),
        ({"ended_token": [{"path": "a", "values": [{"b": 1}]}]}, "ended_token[0].values[0]"),
        ({"success_check": {"path": "a.", "equals": 1}}, "success_check"),
        ({"scope_path": "a["}, "scope_path"),
        ({"hosts": [{"name": "a", "base_url": "nonsense", "label": "A"}]}, "hosts"),
    ],
)
def test_rules_that_cannot_be_used_are_errors_by_field(admin: Membership, body: dict[str, Any], field: str) -> None:
    answer = send(admin, "post", URL, OAUTH | body)
    assert answer.status_code == 400, answer.content
    assert fields_of(answer)[0].startswith(field.partition("[")[0])


def test_deleting(admin: Membership) -> None:
    send(admin, "post", URL, OAUTH)
    assert send(admin, "delete", f"{URL}carrier-hub/").status_code == 204
    assert not OAuthApp.objects.exists()
    assert send(admin, "get", f"{URL}carrier-hub/").status_code == 404


def test_importing_a_document(admin: Membership) -> None:
    body = {"document": documents.as_bytes(documents.CHAT).decode()}
    answer = send(admin, "post", f"{URL}import/", body)
    assert answer.status_code == 201, answer.content
    made = json.loads(answer.content)
    assert (made["base_url"], made["missing"], made["operations"]) == ("https://chat.example/api", ["client_id"], 1)
    assert made["filled_in"]["token_url"] == "document"
    assert made["recognized"] == [{"name": "chatAuth", "words": "OAuth 2.0, authorization code with 2 scopes"}]
    assert made["imported_from"] == "pasted"


def test_importing_a_file(admin: Membership) -> None:
    _, key = make_key(admin, scopes=["integrations:write"])
    file = SimpleUploadedFile("shop.yaml", documents.PETSTORE_30)
    answer = Client(headers={"Authorization": f"Bearer {key}"}).post(f"{URL}import/", {"file": file})
    assert (answer.status_code, answer.json()["imported_from"]) == (201, "shop.yaml")


@pytest.mark.parametrize("document", [documents.DESK, documents.PAYMENTS, documents.FORGE, documents.EVERY_SCHEME])
def test_what_products_publish_can_be_stored(admin: Membership, document: dict[str, Any]) -> None:
    answer = send(admin, "post", f"{URL}import/", {"document": documents.as_bytes(document).decode()})
    assert answer.status_code == 201, answer.content


def test_importing_from_an_address_takes_relative_servers_from_there(
    admin: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destination, "_allowed", frozenset())
    with http_server() as server:
        egress.configure(allowed_hosts=[f"127.0.0.1:{server.port}"])
        server.will_answer(200, documents.as_bytes(documents.PETSTORE_31))
        made = json.loads(send(admin, "post", f"{URL}import/", {"url": f"{server.url}/o.json?key=abc"}).content)
    assert made["base_url"] == f"{server.url}/api/v31"
    assert made["imported_from"] == f"{server.url}/o.json"


def test_what_an_open_id_issuer_publishes_is_filled_in(admin: Membership, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destination, "_allowed", frozenset())
    with http_server() as server:
        egress.configure(allowed_hosts=[f"127.0.0.1:{server.port}"])
        metadata = {
            "issuer": server.url,
            "authorization_endpoint": f"{server.url}/authorize",
            "token_endpoint": f"{server.url}/token",
            "revocation_endpoint": "http://10.0.0.1/revoke",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "scopes_supported": ["openid", "entries"],
        }
        server.will_answer(200, json.dumps(metadata).encode())
        document = json.loads(json.dumps(documents.OPEN_ID))
        scheme = document["components"]["securitySchemes"]["sso"]
        scheme["openIdConnectUrl"] = f"{server.url}/.well-known/openid-configuration"
        made = json.loads(send(admin, "post", f"{URL}import/", {"document": json.dumps(document)}).content)
    assert (made["token_url"], made["token_endpoint_auth_method"]) == (f"{server.url}/token", "client_secret_post")
    assert made["filled_in"]["token_url"] == "discovery"
    assert [scope["name"] for scope in made["scopes"]] == ["openid", "entries"]
    assert made["revocation_url"] == ""  # an address that nothing is sent to


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "document"),
        ({"document": "a: b", "url": "https://x.example"}, "document"),
        ({"document": "title: x"}, "document"),
        ({"document": "openapi: 3.0.0"}, "base_url"),
        ({"url": "http://169.254.169.254/"}, "url"),
        ({"documents": "x"}, "documents"),
    ],
)
def test_what_cannot_be_imported_is_an_error_by_field(admin: Membership, body: dict[str, str], field: str) -> None:
    answer = send(admin, "post", f"{URL}import/", body)
    assert (answer.status_code, fields_of(answer)) == (400, [field])


def test_a_base_url_can_be_entered_where_the_document_has_none(admin: Membership) -> None:
    body = {"document": "openapi: 3.0.0\npaths: {}", "base_url": "https://api.given.example", "name": "Given"}
    made = json.loads(send(admin, "post", f"{URL}import/", body).content)
    assert (made["base_url"], made["slug"]) == ("https://api.given.example", "given")
