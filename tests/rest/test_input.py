"""Invalid input of every endpoint is a problem document with the field's name, never a 500."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from apps.teams.models import Membership, Role
from tests.factories import make_key, make_member

pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]
NO_ID = "8d4e0c2e-5d2c-4f0e-9b58-0f6f6f7f1a2b"
LISTS = ["api-keys/", "audit-events/", "connections/", "integrations/", "webhooks/"]
ONES = ["me/", f"connections/{NO_ID}/", f"webhooks/{NO_ID}/", f"connect-sessions/{NO_ID}/", "integrations/slack/"]
BODIES = [
    ("POST", "api-keys/"),
    ("POST", "connections/"),
    ("POST", "connect-sessions/"),
    ("POST", "webhooks/"),
]


@pytest.fixture
def owner() -> Membership:
    return make_member(role=Role.OWNER)


def program(who: Membership) -> Client:
    _, key = make_key(who)
    return Client(headers={"Authorization": f"Bearer {key}"})


def call(who: Membership | Client, method: str, path: str, body: str | bytes = "", **headers: str) -> Any:
    client = who if isinstance(who, Client) else program(who)
    kind = headers.pop("content_type", "application/json")
    return client.generic(method, f"/api/v1/{path}", body, content_type=kind, headers=headers)


def problem(response: Any, status: int, code: str) -> Any:
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == code
    return response.json()


@pytest.mark.parametrize("path", LISTS + ONES)
def test_an_unknown_parameter_is_reported_by_name(owner: Membership, path: str) -> None:
    document = problem(call(owner, "GET", f"{path}?color=red"), 400, "validation_error")
    assert [one["field"] for one in document["errors"]] == ["color"]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "query",
    [
        "cursor=x",
        "cursor=%00",
        "cursor=cD0lMDA%3D",
        "cursor=cD1cdWQ4MDA%3D",
        "cursor=bz05OTk5OTk5OTk5OTk5OTk5OTk5OQ%3D%3D",
        "page_size=201",
        "page_size=-1",
        "page_size=1e3",
        "page_size=1&page_size=2",
        "page_size=" + "9" * 400,
    ],
)
def test_an_invalid_cursor_or_page_size_is_rejected(owner: Membership, path: str, query: str) -> None:
    response = call(owner, "GET", f"{path}?{query}")
    # A forged offset or position may give an empty page, but never a 500.
    assert response.status_code in ((200, 400) if "cD0" in query or "cD1" in query or "bz0" in query else (400,))


@pytest.mark.parametrize(("method", "path"), BODIES)
@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[1, 2",
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": ' + "9" * 5000 + "}",
        "[" * 100_000,
        '{"name": "\\ud800"}',
        '{"\\ud800": 1}',
        '{"\\u0000": 1}',
        '{"name": 1, "name": 2}',
    ],
)
def test_invalid_json_is_rejected(owner: Membership, method: str, path: str, body: str) -> None:
    problem(call(owner, method, path, body), 400, "malformed_request")


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_invalid_utf_8_is_rejected(owner: Membership, method: str, path: str) -> None:
    problem(call(owner, method, path, b'{"name": "\xff"}'), 400, "malformed_request")


@pytest.mark.parametrize(("method", "path"), BODIES)
@pytest.mark.parametrize("body", ["[]", "null", "5", '"text"', "true"])
def test_json_other_than_an_object_is_rejected(owner: Membership, method: str, path: str, body: str) -> None:
    problem(call(owner, method, path, body), 400, "validation_error")


@pytest.mark.parametrize(("method", "path"), BODIES)
@pytest.mark.parametrize("name", ["team", "owner", "status", "team_id", "color", "x" * 5000])
def test_an_unknown_field_is_reported_by_name(owner: Membership, method: str, path: str, name: str) -> None:
    document = problem(call(owner, method, path, json.dumps({name: "x"})), 400, "validation_error")
    assert name[:100] in {one["field"] for one in document["errors"]}


@pytest.mark.parametrize(("method", "path"), BODIES)
@pytest.mark.parametrize("value", ["a\0b", 10**300, -1, 1.5, True, None, [], {}, "x" * 100_000])
def test_no_value_of_any_field_causes_a_500(owner: Membership, method: str, path: str, value: Any) -> None:
    fields = ["name", "kind", "scopes", "expires_at", "integration", "connection", "member", "fields", "params", "url"]
    fields += ["events", "description", "return_url", "login_hint", "notify", "if_unchecked"]
    client = program(owner)
    for field in fields:
        problem(call(client, method, path, json.dumps({field: value})), 400, "validation_error")


def test_a_body_that_is_too_large_is_rejected(owner: Membership) -> None:
    problem(call(owner, "POST", "webhooks/", json.dumps({"url": "x" * 3_000_000})), 413, "body_too_large")


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_another_media_type_or_method_is_rejected(owner: Membership, method: str, path: str) -> None:
    problem(call(owner, method, path, "a=1", content_type="text/plain"), 415, "unsupported_media_type")
    problem(call(owner, method, path, "{}", Accept="image/png"), 406, "not_acceptable")
    refused = call(owner, "PUT", path, "{}")
    problem(refused, 405, "method_not_allowed")
    assert method in refused.headers["Allow"]


@pytest.mark.parametrize("path", LISTS + ONES)
def test_a_call_without_authentication_has_www_authenticate(path: str) -> None:
    response = Client().get(f"/api/v1/{path}")
    problem(response, 401, "unauthorized")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_body_is_rejected_where_none_is_expected(owner: Membership) -> None:
    path = f"webhooks/{uuid4()}/test/"
    problem(call(owner, "POST", path, json.dumps({"color": "red"})), 400, "validation_error")
