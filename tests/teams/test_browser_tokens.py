"""Short-lived tokens for pages of allowed origins, and CORS."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.connections.models import Connection
from apps.teams import browser_tokens
from apps.teams.models import ApiKey, Membership, Role
from tests.connections.pages import make_connection, set_up_service
from tests.factories import client_for, make_key, make_member

pytestmark = pytest.mark.django_db
URL, ME, LIST = "/api/v1/browser-tokens/", "/api/v1/me/", "/api/v1/connections/"
ORIGIN = "https://app.example.com"
BODY = {"origin": ORIGIN, "scopes": ["connections:read"]}


@pytest.fixture
def owner() -> Membership:
    return make_member(role=Role.OWNER)


@pytest.fixture
def key(owner: Membership) -> tuple[ApiKey, str]:
    return make_key(owner, scopes=["connections:read", "connections:use", "connections:write"])


def create(text: str, **changes: Any) -> Any:
    headers = {"Authorization": f"Bearer {text}"}
    return Client().post(URL, BODY | changes, content_type="application/json", headers=headers)


def page(token: str, path: str = ME, *, origin: str = ORIGIN, method: str = "GET", **more: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}"} | ({"Origin": origin} if origin else {})
    return Client().generic(method, path, "{}" if method == "POST" else "", "application/json", headers=headers, **more)


def test_a_page_reads_with_the_scopes_of_its_token_only(key: tuple[ApiKey, str], owner: Membership) -> None:
    connection = make_connection(owner, set_up_service(), "Deliveries")
    made = create(key[1])
    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    token = made.json()["token"]
    listed = page(token, LIST)
    assert [row["name"] for row in listed.json()["results"]] == ["Deliveries"]
    assert listed.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert page(token).json()["scopes"] == ["connections:read"]
    for path, method in ((f"{LIST}{connection.pk}/", "DELETE"), (f"{LIST}{connection.pk}/token/", "POST")):
        assert page(token, path, method=method).status_code == 403
    assert page(token, f"{LIST}{connection.pk}/proxy/me").status_code == 403
    assert Connection.objects.count() == 1


@pytest.mark.parametrize("origin", ["", "null", "https://evil.example", "http://app.example.com"])
def test_a_token_is_refused_from_another_origin(key: tuple[ApiKey, str], origin: str) -> None:
    refused = page(create(key[1]).json()["token"], origin=origin)
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
    assert "Access-Control-Allow-Origin" not in refused.headers


def test_a_token_ends_by_itself_and_with_its_key(key: tuple[ApiKey, str]) -> None:
    token = create(key[1], expires_in=60).json()["token"]
    assert page(token).status_code == 200
    assert browser_tokens.read(token, now=timezone.now() + timedelta(seconds=61)) is None
    ApiKey.objects.update(revoked_at=timezone.now())
    assert page(token).status_code == 401


def test_a_token_does_not_outlive_its_key(owner: Membership) -> None:
    api_key, text = make_key(owner)
    soon = timezone.now() + timedelta(seconds=90)
    ApiKey.objects.filter(pk=api_key.pk).update(expires_at=soon)
    assert create(text).json()["expires_at"] <= soon.isoformat().replace("+00:00", "Z")


def test_a_member_who_leaves_ends_the_tokens_of_their_keys(key: tuple[ApiKey, str], owner: Membership) -> None:
    token = create(key[1]).json()["token"]
    owner.delete()
    assert page(token).status_code == 401


def test_a_changed_token_is_refused(key: tuple[ApiKey, str]) -> None:
    token = create(key[1]).json()["token"]
    for changed in (token[:-1], token.replace("spwb_", "spwb_x"), "spwb_", "spwb_.", "spwb_a.b"):
        assert page(changed).status_code == 401


def test_a_page_cannot_get_another_token_or_the_key(key: tuple[ApiKey, str]) -> None:
    token = create(key[1], scopes=["connections:read", "connections:use"]).json()["token"]
    headers = {"Authorization": f"Bearer {token}", "Origin": ORIGIN}
    again = Client().post(URL, BODY, content_type="application/json", headers=headers)
    rotated = page(token, f"/api/v1/api-keys/{key[0].pk}/rotate/", method="POST")
    assert (again.status_code, rotated.status_code) == (403, 403 if rotated.status_code == 403 else 404)
    key[0].refresh_from_db()
    assert key[0].former_prefix is None


def test_tokens_are_created_with_a_key_that_has_the_scopes(owner: Membership, key: tuple[ApiKey, str]) -> None:
    _, narrow = make_key(owner, scopes=["connections:read"])
    refused = create(narrow, scopes=["connections:use"])
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
    assert client_for(owner).post(URL, BODY, content_type="application/json").status_code == 403
    _, service = make_key(owner, ApiKey.Kind.SERVICE)
    assert page(create(service).json()["token"]).json()["kind"] == "service"


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "https://evil.example"},
        {"origin": f"{ORIGIN}/"},
        {"scopes": []},
        {"scopes": ["connections:token"]},
        {"scopes": ["connections:write"]},
        {"expires_in": 59},
        {"expires_in": 3601},
    ],
)
def test_invalid_values_are_refused(key: tuple[ApiKey, str], changes: dict[str, Any]) -> None:
    assert create(key[1], **changes).status_code == 400


def test_the_log_names_the_origin_and_has_no_token(key: tuple[ApiKey, str]) -> None:
    token = create(key[1]).json()["token"]
    event = AuditEvent.objects.get(action="browser_token.created")
    assert (event.detail["for_origin"], event.detail["scopes"]) == (ORIGIN, ["connections:read"])
    assert token not in str(list(AuditEvent.objects.values()))


def preflight(origin: str, path: str = LIST) -> Any:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, specway-run"}
    return Client().options(path, headers={"Origin": origin, **asked})


def test_preflight_requests_of_allowed_origins_are_answered() -> None:
    for path in (LIST, f"{LIST}00000000-0000-4000-8000-000000000000/proxy/me"):
        response = preflight(ORIGIN, path)
        assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (200, ORIGIN)
        assert {"authorization", "specway-run"} <= set(response.headers["Access-Control-Allow-Headers"].split(", "))
        assert "Access-Control-Allow-Credentials" not in response.headers


def test_other_origins_and_other_pages_get_no_cors_headers(owner: Membership) -> None:
    assert "Access-Control-Allow-Origin" not in preflight("https://evil.example").headers
    browser = client_for(owner)
    for path in ("/plugins/", "/api/schema/"):
        assert "Access-Control-Allow-Origin" not in browser.get(path, headers={"Origin": ORIGIN}).headers
