"""What only pages need does not run in calls of the API, and both keep their protection in browsers."""

from typing import Any

import pytest
from django.conf import settings as configured
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from apps.teams.middleware import ActorMiddleware
from apps.web import page_middleware
from tests.factories import client_for, make_key, make_member

ME = "/api/v1/me/"


class Noted:
    """A middleware that says in the response that it ran."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["Ran"] = "yes"
        return response


@pytest.mark.parametrize(
    ("path", "runs"),
    [("/", True), ("/help/", True), ("/api/docs/", True), ("/apiary/", True), (ME, False), ("/api/nowhere", False)],
)
def test_a_middleware_for_pages_runs_for_all_but_calls_of_the_api(path: str, runs: bool) -> None:
    middleware = page_middleware.for_pages(Noted)
    assert issubclass(middleware, Noted)
    response = middleware(lambda request: HttpResponse("made"))(RequestFactory().get(path))
    assert (response.content, "Ran" in response.headers) == (b"made", runs)


@pytest.mark.django_db
def test_a_call_with_a_key_has_neither_messages_nor_htmx() -> None:
    _, key = make_key(make_member())
    called = Client().get(ME, headers={"Authorization": f"Bearer {key}", "HX-Request": "true"})
    assert called.status_code == 200
    assert not {"_messages", "htmx", "csp_nonce"} & vars(called.wsgi_request).keys()
    seen = Client().get("/help/").wsgi_request
    assert {"_messages", "htmx", "csp_nonce"} <= vars(seen).keys()


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/help/", "/nowhere/", "/api/docs/", "/accounts/login/"])
def test_pages_and_error_pages_keep_the_policy_of_pages(path: str) -> None:
    headers = client_for(make_member()).get(path).headers
    assert "script-src 'self'" in headers["Content-Security-Policy"] or headers.get("Location")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "host", "status"),
    [(ME, "", 200), (ME, "elsewhere.example", 400), ("/api/v1/nowhere/", "", 404), ("/api/schema/", "", 200)],
)
def test_every_response_of_the_api_has_a_policy_that_allows_nothing(
    path: str, host: str, status: int, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    _, key = make_key(make_member())
    response = Client().get(path, headers={"Authorization": f"Bearer {key}", **({"Host": host} if host else {})})
    assert response.status_code == status
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "frame-ancestors 'none'" in policy
    assert "'self'" not in policy


@pytest.mark.django_db
def test_an_error_of_a_call_without_a_key_has_the_policy_too() -> None:
    response = Client().get(ME)
    assert response.status_code == 401
    assert response.headers["Content-Security-Policy"] == configured.API_CONTENT_SECURITY_POLICY


def test_a_policy_that_the_response_has_already_stays() -> None:
    own = {"Content-Security-Policy": "sandbox"}
    middleware = page_middleware.ContentSecurityPolicyMiddleware(lambda request: HttpResponse(headers=own))
    assert middleware(RequestFactory().get(ME)).headers["Content-Security-Policy"] == "sandbox"


def test_without_a_session_no_user_is_looked_up() -> None:
    class Unasked:
        @property
        def is_authenticated(self) -> bool:
            raise AssertionError("The user was looked up.")

    request: Any = RequestFactory().get(ME)
    request.user = Unasked()
    ActorMiddleware(lambda request: HttpResponse())(request)
    assert (request.actor, request.memberships) == (None, [])
