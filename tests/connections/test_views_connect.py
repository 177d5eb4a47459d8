"""Beginning an authorization flow, and its status while it is under way."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from apps.connections.models import AuthorizationAttempt, Connection
from apps.integrations.models import OAuthApp
from apps.teams.models import Role
from tests.connections.pages import JSON, make_connection, set_up_service, share, start_flow
from tests.factories import client_for, make_member

# Forms and texts. tests/connections/test_authorize.py stores and reads the same flows on each database.
pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]
CONNECT = reverse("connections:connect", args=["sandbox"])


def test_connect_returns_the_consent_url_and_the_status_url() -> None:
    set_up_service()
    browser = client_for(make_member())
    answer = browser.post(CONNECT, {"scopes": ["profile"]}, headers=JSON)
    attempt = AuthorizationAttempt.objects.get()
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert answer.json()["attempt"] == str(attempt.pk)
    assert answer.json()["status_url"] == reverse("connections:attempt", args=[attempt.pk])
    assert "Waiting for Sandbox" in answer.json()["html"]
    assert parse_qs(urlsplit(answer.json()["authorization_url"]).query)["scope"] == ["profile"]
    assert attempt.in_popup


def test_without_a_script_connect_goes_to_the_consent_page_in_the_same_tab() -> None:
    set_up_service()
    answer = client_for(make_member()).post(CONNECT, {"scopes": ["profile"]}, headers={"accept": "text/html"})
    assert answer.status_code == 302
    assert answer["Location"].startswith("https://sandbox.example/o/authorize/?")
    assert not AuthorizationAttempt.objects.get().in_popup


def test_connect_starts_nothing_on_get() -> None:
    set_up_service()
    assert client_for(make_member()).get(CONNECT).status_code == 405
    assert not AuthorizationAttempt.objects.exists()


def test_connect_needs_the_csrf_token() -> None:
    set_up_service()
    browser = client_for(make_member(), enforce_csrf_checks=True)
    assert browser.post(CONNECT, {"scopes": ["profile"]}).status_code == 403
    assert not AuthorizationAttempt.objects.exists()


@pytest.mark.parametrize("scopes", [["profile", "everything"], []])
@pytest.mark.parametrize("headers", [JSON, {"accept": "text/html"}])
def test_an_unknown_scope_is_refused_with_a_message(scopes: list[str], headers: dict[str, str]) -> None:
    set_up_service()
    answer = client_for(make_member()).post(CONNECT, {"scopes": scopes}, headers=headers)
    assert answer.status_code == 400
    assert "permission" in answer.content.decode()
    assert not AuthorizationAttempt.objects.exists()


def test_a_service_without_an_oauth_app_says_who_sets_it_up() -> None:
    set_up_service()
    OAuthApp.objects.all().delete()
    answer = client_for(make_member()).post(CONNECT, {"scopes": ["profile"]}, headers=JSON)
    assert answer.status_code == 409
    assert "an operator adds the OAuth app" in answer.json()["html"]


def test_an_unknown_service_is_not_found() -> None:
    browser = client_for(make_member())
    assert browser.post(reverse("connections:connect", args=["nowhere"]), {}).status_code == 404


@pytest.mark.parametrize(
    "path", ["//evil.example/", "/\\evil.example/", "javascript:alert(1)", "https://evil.example/"]
)
def test_a_return_path_to_another_site_is_dropped(path: str) -> None:
    set_up_service()
    attempt, _ = start_flow(client_for(make_member()), return_path=path)
    assert attempt.return_path == ""


def test_reconnect_requests_the_earlier_scopes_and_added_ones() -> None:
    me = make_member()
    connection = make_connection(me, set_up_service())
    url = reverse("connections:reconnect", args=[connection.pk])
    answer = client_for(me).post(url, {"scopes": ["messages:write"]}, headers=JSON)
    asked = parse_qs(urlsplit(answer.json()["authorization_url"]).query)["scope"][0]
    assert set(asked.split()) == {"profile", "messages:write"}
    assert AuthorizationAttempt.objects.get().connection_id == connection.pk


def test_reconnect_is_for_those_who_manage_the_connection() -> None:
    owner = make_member()
    connection = make_connection(owner, set_up_service())
    url = reverse("connections:reconnect", args=[connection.pk])
    colleague = client_for(make_member(owner.team))
    assert colleague.post(url, headers=JSON).status_code == 404
    share(connection)
    assert colleague.post(url, headers=JSON).status_code == 403
    assert client_for(make_member(owner.team, Role.ADMIN)).post(url, headers=JSON).status_code == 200
    assert client_for(make_member(role=Role.OWNER)).post(url, headers=JSON).status_code == 404


@pytest.mark.parametrize("action", ["attempt", "cancel", "continue", "decide"])
def test_another_members_attempt_is_not_found(action: str) -> None:
    set_up_service()
    me = make_member()
    attempt, _ = start_flow(client_for(me))
    url = reverse(f"connections:{action}", args=[attempt.pk])
    for other in (make_member(me.team, Role.OWNER), make_member()):
        browser = client_for(other)
        answer = browser.get(url) if action == "attempt" else browser.post(url, {"decision": "new"})
        assert answer.status_code == 404
    attempt.refresh_from_db()
    assert attempt.status == "pending"


def test_anonymous_users_are_redirected_to_login() -> None:
    from django.test import Client

    assert "/accounts/login/" in Client().get(reverse("connections:attempt", args=[uuid4()]))["Location"]


@pytest.mark.parametrize(
    ("window", "words"),
    [("open", "Waiting for"), ("blocked", "blocked the window"), ("closed", "was closed before"), ("x", "Waiting for")],
)
def test_the_popup_state_only_changes_the_wording(window: str, words: str) -> None:
    set_up_service()
    browser = client_for(make_member())
    attempt, _ = start_flow(browser)
    answer = browser.get(reverse("connections:attempt", args=[attempt.pk]), {"popup": window}, headers=JSON).json()
    assert words in answer["html"]
    assert not answer["settled"]


def test_canceling_needs_a_post() -> None:
    set_up_service()
    browser = client_for(make_member())
    attempt, _ = start_flow(browser)
    url = reverse("connections:cancel", args=[attempt.pk])
    assert browser.get(url).status_code == 405
    answer = browser.post(url, headers=JSON).json()
    assert answer["state"] == "canceled"
    assert answer["settled"]
    assert "Nothing was stored" in answer["html"]


def test_an_attempt_past_its_deadline_is_reported_as_expired() -> None:
    set_up_service()
    browser = client_for(make_member())
    attempt, _ = start_flow(browser)
    AuthorizationAttempt.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    answer = browser.get(reverse("connections:attempt", args=[attempt.pk]), headers=JSON).json()
    assert answer["settled"]
    assert "within ten minutes" in answer["html"]


def test_continuing_in_this_tab_replaces_the_popup_attempt() -> None:
    set_up_service()
    browser = client_for(make_member())
    attempt, state = start_flow(browser)
    answer = browser.post(reverse("connections:continue", args=[attempt.pk]))
    assert answer["Location"].startswith("https://sandbox.example/o/authorize/?")
    assert state not in answer["Location"]
    attempt.refresh_from_db()
    assert attempt.status == "canceled"
    onward = AuthorizationAttempt.objects.exclude(pk=attempt.pk).get()
    assert not onward.in_popup
    assert onward.scopes_requested == attempt.scopes_requested


def test_trying_again_cancels_the_earlier_attempt() -> None:
    set_up_service()
    browser = client_for(make_member())
    first, _ = start_flow(browser)
    start_flow(browser, instead_of=str(first.pk))
    first.refresh_from_db()
    assert first.status == "canceled"


def test_another_members_attempt_cannot_be_canceled() -> None:
    set_up_service()
    first, _ = start_flow(client_for(make_member()))
    start_flow(client_for(make_member()), instead_of=str(first.pk))
    first.refresh_from_db()
    assert first.status == "pending"


def test_a_different_account_asks_with_both_names() -> None:
    me = make_member()
    browser = client_for(me)
    connection = make_connection(me, set_up_service(), "Ada Example")
    attempt, _ = start_flow(browser)
    AuthorizationAttempt.objects.update(
        status="undecided", connection=connection, pending_account={"subject": "2", "label": "Grace <Example>"}
    )
    card = browser.get(reverse("connections:attempt", args=[attempt.pk]), headers=JSON).json()["html"]
    assert "Sign in as Ada Example" in card
    assert "Add Grace &lt;Example&gt; as new" in card
    page = browser.get(reverse("connections:attempt", args=[attempt.pk]), headers={"accept": "text/html"})
    assert "This is a different account" in page.content.decode()
    nonsense = browser.post(reverse("connections:decide", args=[attempt.pk]), {"decision": "whatever"})
    assert nonsense.status_code == 400
    assert Connection.objects.count() == 1


def test_an_oauth_app_failure_does_not_blame_the_person() -> None:
    set_up_service()
    browser = client_for(make_member())
    attempt, _ = start_flow(browser)
    AuthorizationAttempt.objects.update(status="failed", error_code="exchange_failed", error_message="No.")
    OAuthApp.objects.update(broken_since=timezone.now())
    card = browser.get(reverse("connections:attempt", args=[attempt.pk]), headers=JSON).json()["html"]
    assert "This is not about your account" in card
    assert "data-again" not in card
