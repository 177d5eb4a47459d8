"""Errors: problem documents in the API, pages elsewhere, with the same messages."""

import json

import pytest
from django.conf import settings
from django.test import Client
from rest_framework import exceptions
from rest_framework.test import APIClient

from apps.errors import NotFound, SpecwayError
from apps.web import problems
from apps.web.troubleshooting import SECTIONS
from tests import factories
from tests.web.urls import FAILURES, Busy

pytestmark = pytest.mark.urls("tests.web.urls")


def problem(client: Client, kind: str) -> tuple[dict[str, object], object]:
    response = client.get(f"/api/fails/{kind}/")
    assert response["Content-Type"] == "application/problem+json"
    document = json.loads(response.content)
    assert document["status"] == response.status_code
    return document, response


def test_a_domain_error_becomes_a_problem_document(visitor: Client) -> None:
    document, response = problem(visitor, "busy")
    help_url = f"{settings.PUBLIC_URL}/help/timeout/"
    assert document == {
        "type": help_url,
        "title": "The service does not answer",
        "status": 503,
        "detail": "Sandbox does not answer at the moment.",
        "code": "service_unavailable",
        "help": help_url,
        "connection": "c1",
    }
    assert response["Retry-After"] == "7"


def test_extra_members_cannot_replace_members_of_the_document() -> None:
    error = NotFound("No.", status=200, code="fine", detail="other", reconnect_url="/x")
    assert problems.problem_document(error)["status"] == 404
    assert problems.problem_document(error)["code"] == "not_found"
    assert problems.problem_document(error)["detail"] == "No."
    assert problems.problem_document(error)["reconnect_url"] == "/x"


def test_validation_errors_are_listed_by_field(visitor: Client) -> None:
    document, response = problem(visitor, "invalid")
    assert response.status_code == 400
    assert document["code"] == "validation_error"
    assert {"field": "items.1.url", "detail": "Not https."} in document["errors"]
    assert {"field": "", "detail": "No."} in document["errors"]
    assert document["detail"] == "Check these fields: items.1.url."


def test_validation_errors_of_models_are_listed_by_field(visitor: Client) -> None:
    document, response = problem(visitor, "model")
    assert response.status_code == 400
    assert document["errors"] == [{"field": "name", "detail": "Too long."}]


def test_401_has_www_authenticate(visitor: Client) -> None:
    document, response = problem(visitor, "anonymous")
    assert response.status_code == 401
    assert document["code"] == "unauthorized"
    assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("hidden", 404, "not_found"),
        ("denied", 403, "permission_denied"),
        ("media", 415, "unsupported_media_type"),
        ("suspicious", 400, "malformed_request"),
        ("throttled", 429, "rate_limited"),
    ],
)
def test_every_failure_has_a_stable_code(visitor: Client, kind: str, status: int, code: str) -> None:
    document, response = problem(visitor, kind)
    assert (response.status_code, document["code"]) == (status, code)


def test_429_has_retry_after(visitor: Client) -> None:
    _, response = problem(visitor, "throttled")
    assert response["Retry-After"] == "42"


def test_405_lists_the_allowed_methods(visitor: Client) -> None:
    response = visitor.post("/api/fails/busy/")
    assert response.status_code == 405
    assert json.loads(response.content)["code"] == "method_not_allowed"
    assert "GET" in response["Allow"]


@pytest.mark.parametrize("path", ["/api/fails/bug/", "/api/page-fails/bug/"])
def test_500_in_the_api_reveals_nothing_about_the_error(visitor: Client, path: str) -> None:
    response = visitor.get(path)
    assert response.status_code == 500
    assert response["Content-Type"] == "application/problem+json"
    assert json.loads(response.content)["code"] == "internal_error"
    assert b"details" not in response.content


@pytest.mark.parametrize("path", ["/api/no-such-thing/", "/api/v1/no-such-thing/"])
def test_404_in_the_api_is_a_problem_document(visitor: Client, path: str) -> None:
    response = visitor.get(path)
    assert response.status_code == 404
    assert json.loads(response.content)["code"] == "not_found"


def test_errors_of_django_views_in_the_api_are_problem_documents(visitor: Client) -> None:
    assert json.loads(visitor.get("/api/page-fails/hidden/").content)["code"] == "not_found"
    assert json.loads(visitor.get("/api/page-fails/denied/").content)["code"] == "permission_denied"
    assert json.loads(visitor.get("/api/page-fails/suspicious/").content)["code"] == "malformed_request"


@pytest.mark.django_db
def test_a_domain_error_of_a_page_is_a_page_with_the_same_message(visitor: Client) -> None:
    response = visitor.get("/fails/busy/")
    page = response.content.decode()
    assert response.status_code == 503
    assert response["Retry-After"] == "7"
    assert "<h1>The service does not answer</h1>" in page
    assert "Sandbox does not answer at the moment." in page
    assert "/help/timeout/" in page
    assert "reference <code>" in page


@pytest.mark.django_db
def test_an_error_page_shows_a_reference_that_is_in_the_log(visitor: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="apps.web.problems"):
        page = visitor.get("/fails/busy/").content.decode()
    reference = page.split("reference <code>")[1].split("<")[0]
    assert reference in caplog.text


@pytest.mark.django_db
def test_an_error_of_an_htmx_request_is_a_notice_above_the_page() -> None:
    response = Client().get("/fails/busy/", headers={"HX-Request": "true"})
    assert response.status_code == 503
    assert response["HX-Retarget"] == "#flash"
    assert b"<html" not in response.content
    assert b"Sandbox does not answer" in response.content


@pytest.mark.django_db
def test_a_message_is_escaped_in_the_page(monkeypatch: pytest.MonkeyPatch, visitor: Client) -> None:
    monkeypatch.setitem(FAILURES, "busy", lambda: Busy("<b>bold</b>"))
    assert b"<b>bold" not in visitor.get("/fails/busy/").content


@pytest.mark.django_db
def test_error_pages_of_members_keep_the_layout() -> None:
    client = factories.client_for(factories.make_member())
    page = client.get("/fails/hidden/").content.decode()
    assert 'aria-label="Main"' in page
    assert "There is no such connection." in page


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "status"), [("/nothing/", 404), ("/fails/denied/", 403), ("/fails/suspicious/", 400)])
def test_403_and_404_are_pages(visitor: Client, path: str, status: int) -> None:
    response = visitor.get(path)
    assert response.status_code == status
    assert response["Content-Type"].startswith("text/html")
    assert b'class="quiet num">%d<' % status in response.content
    assert b"raw text" not in response.content


def test_the_500_page_makes_no_query(visitor: Client) -> None:
    # Without the django_db mark any query raises.
    response = visitor.get("/fails/bug/")
    assert response.status_code == 500
    assert b"The error is in Specway" in response.content
    assert b"details" not in response.content


@pytest.mark.django_db
def test_a_form_without_csrf_token_gets_the_products_page() -> None:
    client = factories.client_for(factories.make_member(), enforce_csrf_checks=True)
    response = client.post("/account/", {"name": "Eve"})
    assert response.status_code == 403
    assert b"Nothing was changed" in response.content


def test_every_error_code_of_drf_has_a_code_of_the_api() -> None:
    subclasses = [c for c in exceptions.APIException.__subclasses__() if c.__module__ == exceptions.__name__]
    assert {c.default_code for c in subclasses} <= set(problems.CODES)


def every(cls: type[SpecwayError]) -> list[type[SpecwayError]]:
    return [cls, *(deeper for child in cls.__subclasses__() for deeper in every(child))]


@pytest.mark.django_db
def test_every_help_anchor_of_an_error_exists() -> None:
    anchors = {anchor for anchor, _ in SECTIONS}
    for anchor, title in SECTIONS:
        assert f"<h1>{title}</h1>" in APIClient().get(f"/help/{anchor}/").content.decode()
    # Former addresses had the topic as a fragment, which browsers keep when they follow the redirect.
    former = APIClient().get("/help/troubleshooting/")
    assert (former.status_code, former["Location"]) == (301, "/help/")
    page = APIClient().get("/help/").content.decode()
    assert [page.count(f'id="{anchor}"') for anchor, _ in SECTIONS] == [1] * len(SECTIONS)
    assert {cls.help for cls in every(SpecwayError)} - {""} <= anchors
