"""A session that has ended leads to the login and back to a page; a POST-only address has a page for other methods."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from tests import factories

pytestmark = pytest.mark.django_db

PAGE = "http://testserver/settings/integrations/?owner=me"


def next_page(location: str) -> str:
    parts = urlsplit(location)
    assert parts.path == reverse("account_login")
    return parse_qs(parts.query)["next"][0]


def test_an_ended_session_returns_to_the_page_that_was_requested(visitor: Client) -> None:
    response = visitor.get(reverse("connections:credentials"), {"kind": "oauth"})
    assert next_page(response.headers["Location"]) == "/settings/credentials/?kind=oauth"


def test_a_partial_update_without_a_session_redirects_the_whole_window(visitor: Client) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": PAGE}
    response = visitor.get(reverse("connections:list"), {"new": "1"}, headers=headers)
    assert response.status_code == 200
    assert response.content == b""
    assert next_page(response.headers["HX-Redirect"]) == "/settings/integrations/?owner=me"


@pytest.mark.parametrize("name", ["notifications:test", "teams:switch", "connections:refresh_selected"])
def test_the_login_returns_to_the_page_of_the_form_not_to_its_post_only_address(visitor: Client, name: str) -> None:
    arguments = ["00000000-0000-0000-0000-000000000000"] if name == "notifications:test" else []
    response = visitor.post(reverse(name, args=arguments), headers={"Referer": PAGE})
    assert next_page(response.headers["Location"]) == "/settings/integrations/?owner=me"


@pytest.mark.parametrize("referer", ["", "https://elsewhere.example/settings/", "//elsewhere.example/"])
def test_without_a_page_of_this_site_the_login_returns_to_the_start(visitor: Client, referer: str) -> None:
    headers = {"Referer": referer} if referer else {}
    response = visitor.post(reverse("connections:refresh_selected"), headers=headers)
    assert next_page(response.headers["Location"]) == reverse("web:home")


def test_a_partial_update_does_not_return_to_another_site(visitor: Client) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "https://elsewhere.example/trap"}
    response = visitor.post(reverse("connections:refresh_selected"), headers=headers)
    assert next_page(response.headers["HX-Redirect"]) == reverse("web:home")


def test_a_signed_in_partial_update_is_not_redirected() -> None:
    client = factories.client_for(factories.make_member())
    response = client.get(reverse("connections:list"), headers={"HX-Request": "true", "HX-Current-URL": PAGE})
    assert "HX-Redirect" not in response.headers


@pytest.mark.parametrize("is_signed_in", [True, False])
def test_a_post_only_address_has_a_page_that_leads_back(visitor: Client, is_signed_in: bool) -> None:
    client: Any = factories.client_for(factories.make_member()) if is_signed_in else visitor
    response = client.get(reverse("connections:refresh_selected"), headers={"Referer": PAGE})
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"
    page = response.content.decode()
    assert "This address is not a page" in page
    assert 'href="/settings/integrations/?owner=me"' in page


def test_a_program_gets_no_page_for_a_wrong_method(visitor: Client) -> None:
    response = visitor.put("/api/v1/me/")
    assert "This address is not a page" not in response.content.decode()
