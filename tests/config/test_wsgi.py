"""The two ways through the web application: pages, and calls with a key, which nothing of sessions concerns."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import RequestFactory
from django.utils.module_loading import import_string

from apps.errors import NotFound
from apps.teams.models import Role
from config.wsgi import application, is_key_call
from tests.factories import client_for, make_key, make_member

pytestmark = pytest.mark.django_db
ME = "/api/v1/me/"
ABOUT_PAGES = {"Content-Security-Policy", "X-Frame-Options", "Set-Cookie"}


@pytest.fixture(autouse=True)
def connection_of_the_test() -> Iterator[None]:
    """A request would close the connection in which the test's transaction is open, as Django's own client knows."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def answer(path: str, *, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body, as the web server gets them."""
    environ = RequestFactory().generic(method, path, headers=headers).environ
    told: list[Any] = []
    body = application(environ, lambda status, given, exc_info=None: told.extend((status, given)))
    try:
        return int(told[0].split()[0]), dict(told[1]), b"".join(body)
    finally:
        body.close()


def by_key(**more: str) -> dict[str, str]:
    _, key = make_key(make_member(role=Role.OWNER))
    return {"Authorization": f"Bearer {key}", **more}


def test_a_call_with_a_key_is_answered_without_what_is_for_pages() -> None:
    status, headers, body = answer(ME, **by_key())
    assert (status, json.loads(body)["role"]) == (200, "owner")
    assert not ABOUT_PAGES & headers.keys()
    assert {"RateLimit", "X-Content-Type-Options", "Content-Length"} <= headers.keys()


def test_pages_have_all_of_it() -> None:
    status, headers, _ = answer("/accounts/login/")
    assert status == 200
    assert headers.keys() >= ABOUT_PAGES


@pytest.mark.parametrize("path", configured.KEY_CALL_MIDDLEWARE)
def test_no_middleware_of_key_calls_has_a_hook_that_their_way_lacks(path: str) -> None:
    for hook in ("process_view", "process_template_response"):
        assert not hasattr(import_string(path), hook)


def test_every_middleware_of_key_calls_is_one_of_all_calls_in_the_same_order() -> None:
    assert [
        each for each in configured.MIDDLEWARE if each in configured.KEY_CALL_MIDDLEWARE
    ] == configured.KEY_CALL_MIDDLEWARE


@pytest.mark.parametrize("authorization", ["Bearer spw_unknown_key", "bearer spw_unknown_key", "Bearer  "])
def test_a_wrong_key_is_refused_whatever_session_stands_beside_it(authorization: str) -> None:
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
def test_failures_of_key_calls_are_problem_documents(path: str, method: str, status: int) -> None:
    found, headers, body = answer(path, method=method, **by_key())
    assert (found, json.loads(body)["status"]) == (status, status)
    assert headers["Content-Type"] == "application/problem+json"


def test_a_failure_of_ours_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("nothing that a caller should read")

    monkeypatch.setattr("apps.teams.api.MeView.get", fails)
    status, headers, body = answer(ME, **by_key())
    assert (status, headers["Content-Type"]) == (500, "application/problem+json")
    assert b"should read" not in body


def test_a_domain_error_that_no_view_answers_keeps_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*args: Any, **kwargs: Any) -> Any:
        raise NotFound("There is no such thing.")

    monkeypatch.setattr("apps.teams.api.MeView.dispatch", refuses)
    status, _, body = answer(ME, **by_key())
    assert (status, json.loads(body)["detail"]) == (404, "There is no such thing.")


def test_a_host_that_is_not_ours_is_refused(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["ours.example"]
    assert answer(ME, Host="ours.example", **by_key())[0] == 200
    assert answer(ME, Host="elsewhere.example", **by_key())[0] == 400


@pytest.mark.parametrize(
    ("path", "authorization", "short"),
    [
        (ME, "Bearer x", True),
        (ME, "BEARER x", True),
        (ME, "Basic x", False),
        (ME, "", False),
        ("/api/docs/", "Bearer x", False),
        ("/connections/", "Bearer x", False),
    ],
)
def test_only_calls_of_the_api_with_a_key_go_the_short_way(path: str, authorization: str, short: bool) -> None:
    request = RequestFactory().get(path, headers={"Authorization": authorization} if authorization else {})
    assert is_key_call(request) is short
