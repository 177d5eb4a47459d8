"""What all errors of the REST API have in common, at the endpoints of the product."""

from collections import defaultdict
from typing import Any

import pytest
from django.test import Client

from apps.connections.models import Connection
from apps.errors import SpecwayError
from apps.web import problems
from tests.connections.test_api import Caller, caller
from tests.fixtures.connections import Cast


@pytest.fixture
def mine(cast: Cast) -> Caller:
    return caller(cast.member)


def problem_of(response: Any, status: int, code: str) -> dict[str, Any]:
    document: dict[str, Any] = response.json()
    assert response["Content-Type"] == "application/problem+json"
    assert (response.status_code, document["status"], document["code"]) == (status, status, code)
    assert document["help"].startswith("http")
    return document


def _all_errors(base: type[SpecwayError]) -> list[type[SpecwayError]]:
    return [base, *(each for child in base.__subclasses__() for each in _all_errors(child))]


def test_each_code_has_one_title() -> None:
    titles: dict[str, set[object]] = defaultdict(set)
    for error in _all_errors(SpecwayError):
        if error.__module__.startswith("apps."):
            document = problems.document(status=error.status, code=error.code, detail="", title=error.title)
            titles[error.code].add(document["title"])
    assert len(titles) > 20
    assert {code: found for code, found in titles.items() if len(found) > 1} == {}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing/", 404, "not_found"),
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/api/nothing", 404, "not_found"),
        ("PUT", "/api/v1/me/", 405, "method_not_allowed"),
        ("PUT", "/api/v1/me", 405, "method_not_allowed"),
        ("POST", "/api/v1/connections/", 400, "validation_error"),
    ],
)
def test_every_error_is_a_problem_document_with_help(
    mine: Caller, method: str, path: str, status: int, code: str
) -> None:
    problem_of(mine.request(method, path, {} if method == "POST" else None), status, code)


@pytest.mark.django_db
def test_a_body_that_is_too_large_is_413(mine: Caller, connection: Connection) -> None:
    response = mine.post(f"/api/v1/connections/{connection.pk}/token/", {"scopes": ["x" * 300] * 10_000})
    problem_of(response, 413, "body_too_large")


@pytest.mark.django_db
def test_401_and_403_have_a_challenge(cast: Cast, connection: Connection) -> None:
    path = f"/api/v1/connections/{connection.pk}/"
    anonymous = Client().get(path)
    assert (anonymous.status_code, anonymous["WWW-Authenticate"]) == (401, 'Bearer realm="Specway"')
    wrong = Client().get(path, headers={"Authorization": "Bearer spw_wrong"})
    assert (wrong.status_code, wrong["WWW-Authenticate"]) == (401, 'Bearer realm="Specway", error="invalid_token"')
    reader = caller(cast.member, scopes=["connections:read"])
    for response, scope in (
        (reader.request("DELETE", path), "connections:write"),
        (reader.get(f"{path}proxy/x"), "connections:use"),
    ):
        challenge = f'Bearer realm="Specway", error="insufficient_scope", scope="{scope}"'
        assert (response.status_code, response["WWW-Authenticate"]) == (403, challenge)


@pytest.mark.django_db
def test_paths_without_the_last_slash_are_served(mine: Caller, connection: Connection) -> None:
    assert mine.get("/api/v1/me").status_code == 200
    assert mine.get("/api/v1/connections?page_size=1").json()["results"][0]["id"] == str(connection.pk)
    token = mine.post(f"/api/v1/connections/{connection.pk}/token", {})
    assert (token.status_code, token.json()["connection"]) == (200, str(connection.pk))


@pytest.mark.django_db
def test_the_proxy_is_served_without_the_last_slash_too(mine: Caller, connection: Connection) -> None:
    path = f"/api/v1/connections/{connection.pk}/proxy"
    headers = {"Authorization": f"Bearer {mine.text}"}
    response = Client().get(path, headers=headers, RAW_URI=f"{path}?a=1")
    assert response.headers.get("Specway-Error") != "invalid_path"
    assert response.status_code != 301
