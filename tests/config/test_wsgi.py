"""The WSGI application as the web server calls it: one middleware chain for pages and for the API."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.signals import request_finished, request_started
from django.db import OperationalError, close_old_connections
from django.test import RequestFactory

from apps.errors import NotFound
from apps.teams.models import Role
from config.wsgi import application
from tests.factories import client_for, make_key, make_member

pytestmark = pytest.mark.django_db
ME = "/api/v1/me/"


@pytest.fixture(autouse=True)
def connection_of_the_test() -> Iterator[None]:
    """A request would close the database connection with the test's open transaction; Django's test client does the
    same as this fixture."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def answer(path: str, *, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body, as the web server gets them."""
    environ = RequestFactory().generic(method, path, headers=headers).environ
    started: list[Any] = []
    body = application(environ, lambda status, headers, exc_info=None: started.extend((status, headers)))
    try:
        return int(started[0].split()[0]), dict(started[1]), b"".join(body)
    finally:
        body.close()


def by_key(**more: str) -> dict[str, str]:
    _, key = make_key(make_member(role=Role.OWNER))
    return {"Authorization": f"Bearer {key}", **more}


def test_a_call_with_a_key_sets_no_cookie_and_states_its_limit() -> None:
    status, headers, body = answer(ME, **by_key())
    assert (status, json.loads(body)["role"]) == (200, "owner")
    assert "Set-Cookie" not in headers
    assert {"RateLimit", "X-Content-Type-Options", "Content-Length"} <= headers.keys()


@pytest.mark.parametrize("path", ["/accounts/login/", ME])
def test_pages_and_the_api_carry_the_same_browser_policies(path: str) -> None:
    status, headers, _ = answer(path, **by_key())
    assert status == 200
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("authorization", ["Bearer spw_unknown_key", "bearer spw_unknown_key", "Bearer  "])
def test_a_wrong_key_is_refused_even_beside_a_valid_session(authorization: str) -> None:
    browser = client_for(make_member(role=Role.OWNER))
    cookie = f"{configured.SESSION_COOKIE_NAME}={browser.cookies[configured.SESSION_COOKIE_NAME].value}"
    assert answer(ME, Cookie=cookie)[0] == 200
    status, headers, body = answer(ME, Authorization=authorization, Cookie=cookie)
    assert (status, json.loads(body)["status"]) == (401, 401)
    assert headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/api/v1/nowhere/", "GET", 404), (ME, "DELETE", 405), ("/api/v1/connections/?cursor=%00", "GET", 400)],
)
def test_errors_of_calls_with_a_key_are_problem_documents(path: str, method: str, status: int) -> None:
    found, headers, body = answer(path, method=method, **by_key())
    assert (found, json.loads(body)["status"]) == (status, status)
    assert headers["Content-Type"] == "application/problem+json"


def test_an_unexpected_error_is_a_problem_document_without_details(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("nothing that a caller should read")

    monkeypatch.setattr("apps.teams.api.MeView.get", fails)
    status, headers, body = answer(ME, **by_key())
    assert (status, headers["Content-Type"]) == (500, "application/problem+json")
    assert b"should read" not in body


@pytest.mark.parametrize("where", ["apps.teams.api.MeView.get", "apps.teams.middleware.ActorMiddleware.__call__"])
def test_a_database_that_stores_nothing_is_503_with_retry_after(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    def fails(*args: Any, **kwargs: Any) -> Any:
        raise OperationalError("database or disk is full")

    authorization = by_key()
    monkeypatch.setattr(where, fails)
    status, headers, body = answer(ME, **authorization)
    assert (status, headers["Content-Type"], headers["Retry-After"]) == (503, "application/problem+json", "10")
    assert json.loads(body)["code"] == "database_unavailable"
    status, headers, body = answer("/accounts/login/")
    if "middleware" in where:
        assert (status, headers["Retry-After"]) == (503, "10")
        assert b"503" in body


def test_a_domain_error_outside_of_the_view_keeps_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*args: Any, **kwargs: Any) -> Any:
        raise NotFound("There is no such thing.")

    monkeypatch.setattr("apps.teams.api.MeView.dispatch", refuses)
    status, _, body = answer(ME, **by_key())
    assert (status, json.loads(body)["detail"]) == (404, "There is no such thing.")


def test_an_unknown_host_name_is_refused(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["ours.example"]
    assert answer(ME, Host="ours.example", **by_key())[0] == 200
    assert answer(ME, Host="elsewhere.example", **by_key())[0] == 400
