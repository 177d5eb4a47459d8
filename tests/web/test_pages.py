"""Layout, home page, account and help."""

import re

import pytest
from django.contrib import admin
from django.core import mail
from django.db import connection as database
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.teams.models import Role
from apps.web.context_processors import frame
from tests import factories

# Templates, menus and texts.
pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.web.urls"), pytest.mark.same_on_each_database]

PAGES_FOR_ALL = [
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/accounts/password/reset/done/",
    "/accounts/confirm-email/",
    "/accounts/inactive/",
    "/help/",
]
PAGES_OF_MEMBERS = [
    "/account/",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/2fa/",
    "/accounts/sessions/",
    "/accounts/logout/",
    "/help/",
]


@pytest.fixture
def member() -> Client:
    someone = factories.make_user(password=factories.secrets.token_hex(8))
    return factories.client_for(factories.make_member(role=Role.MEMBER, user=someone))


def assert_obeys_the_content_security_policy(page: str) -> None:
    assert not re.search(r"\sstyle=", page)
    assert not re.search(r"<style|\son\w+=|javascript:", page)
    for script in re.findall(r"<script[^>]*>", page):
        assert "src=" in script, script


def test_signed_out_visitors_are_redirected_to_login(visitor: Client) -> None:
    assert visitor.get("/").headers["Location"] == "/accounts/login/"


def test_members_are_redirected_to_the_plugins(member: Client) -> None:
    assert member.get("/").headers["Location"] == reverse("connections:plugins")


def test_people_without_a_team_are_redirected_to_create_one() -> None:
    client = Client()
    client.force_login(factories.make_user())
    assert client.get("/").headers["Location"] == reverse("teams:create")


@pytest.mark.parametrize("path", PAGES_FOR_ALL)
def test_pages_before_sign_in_use_the_products_layout(path: str, visitor: Client) -> None:
    response = visitor.get(path)
    page = response.content.decode()
    assert response.status_code == 200
    assert page.count("<h1") == 1
    assert "specway.css" in page
    assert_obeys_the_content_security_policy(page)


@pytest.mark.parametrize("path", PAGES_OF_MEMBERS)
def test_pages_of_members_use_the_products_layout(path: str, member: Client) -> None:
    response = member.get(path)
    page = response.content.decode()
    assert response.status_code == 200
    assert page.count("<h1") == 1
    assert "specway.css" in page
    assert_obeys_the_content_security_policy(page)


@pytest.mark.parametrize("path", ["/account/", "/accounts/2fa/", "/accounts/sessions/"])
def test_the_account_requires_sign_in(path: str, visitor: Client) -> None:
    response = visitor.get(path)
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/accounts/login/")


def test_the_current_page_is_marked_in_the_navigation(member: Client) -> None:
    page = member.get("/help/").content.decode()
    current = re.findall(r'<a href="([^"]+)"\s+aria-current="page"', page)
    assert current == ["/help/"]


def test_a_page_can_be_narrow(member: Client) -> None:
    assert b'<main class="content content--narrow"' in member.get("/account/").content


def test_only_operators_see_the_link_to_the_admin(member: Client) -> None:
    assert b'href="/admin/"' not in member.get("/account/").content
    operator = factories.make_member()
    operator.user.is_staff = True
    operator.user.save()
    assert b'href="/admin/"' in factories.client_for(operator).get("/account/").content


def test_the_team_switcher_lists_the_persons_own_teams_only() -> None:
    membership = factories.make_member(factories.make_team("Fernhill"))
    factories.make_member(factories.make_team("Kestrel"), user=membership.user)
    factories.make_member(factories.make_team("Stranger"))
    page = factories.client_for(membership).get("/account/").content.decode()
    assert "Fernhill" in page
    assert "Kestrel" in page
    assert "Stranger" not in page


def test_signing_out_and_switching_teams_use_post(member: Client) -> None:
    page = member.get("/account/").content.decode()
    assert '<form method="post" action="/accounts/logout/">' in page
    assert f'<form method="post" action="{reverse("teams:switch")}">' in page


def test_the_layouts_context_makes_no_query_until_used() -> None:
    membership = factories.make_member()
    request = RequestFactory().get("/")
    request.actor = factories.actor_for(membership)
    request.memberships = [membership]
    with CaptureQueriesContext(database) as queries:
        count = frame(request)["attention_count"]
    assert len(queries) == 0
    with CaptureQueriesContext(database) as queries:
        assert (count(), count()) == (0, 0)
    assert len(queries) == 1


def test_a_name_is_saved_and_shown(member: Client) -> None:
    response = member.post("/account/", {"name": "Nia <b>New</b>"}, follow=True)
    assert b"Profile saved." in response.content
    assert b"Nia &lt;b&gt;New" in response.content


def test_the_account_form_changes_only_the_name() -> None:
    membership = factories.make_member()
    client = factories.client_for(membership)
    client.post("/account/", {"name": "N", "email": "eve@fernhill.example", "is_staff": "on", "is_superuser": "on"})
    before = membership.user.email
    membership.user.refresh_from_db()
    assert (membership.user.name, membership.user.email) == ("N", before)
    assert not membership.user.is_staff
    assert not membership.user.is_superuser


def test_help_shows_this_installations_callback_url(visitor: Client) -> None:
    assert b"http://127.0.0.1:8000/oauth/callback" in visitor.get("/help/callback/").content


def test_the_admin_shows_neither_seeds_nor_session_keys() -> None:
    registered = {model._meta.label for model in admin.site._registry}
    assert not registered & {"mfa.Authenticator", "usersessions.UserSession", "sessions.Session"}


def test_the_admin_uses_the_products_login_page(visitor: Client) -> None:
    assert visitor.get("/admin/login/").headers["Location"].startswith("/accounts/login/")


def test_the_password_reset_page_has_the_products_text(visitor: Client) -> None:
    user = factories.make_user(password="ferns-" + factories.secrets.token_hex(4))
    visitor.post("/accounts/password/reset/", {"email": user.email})
    assert [message.subject for message in mail.outbox] == ["Choose a new password for Specway"]
    assert "/accounts/password/reset/key/" in mail.outbox[0].body
    assert mail.outbox[0].body.strip().endswith("Specway")


def test_the_qr_code_of_a_second_factor_complies_with_the_policy() -> None:
    password = "ferns-" + factories.secrets.token_hex(4)
    membership = factories.make_member(user=factories.make_user(password=password))
    client = factories.client_for(membership)
    client.post("/accounts/reauthenticate/", {"password": password})
    page = client.get("/accounts/2fa/totp/activate/")
    assert 'src="data:image/svg+xml' in page.content.decode()
    assert "img-src 'self' data:" in page.headers["Content-Security-Policy"]
    assert_obeys_the_content_security_policy(page.content.decode())


@pytest.mark.parametrize("path", ["/accounts/login/", "/help/", "/api/docs/"])
def test_the_content_security_policy_has_no_exceptions(path: str, visitor: Client) -> None:
    response = visitor.get(path)
    policy = response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert_obeys_the_content_security_policy(response.content.decode())
