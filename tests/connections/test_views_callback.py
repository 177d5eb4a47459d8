"""Coming back from the service: what is refused, in which words, and that nothing leaks on the way."""

from datetime import timedelta

import pytest
import responses
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.connections.models import AuthorizationAttempt, Connection
from tests.connections.pages import open_callback, set_up_service, start_flow
from tests.factories import client_for, make_member

# Texts of refusals. tests/connections/test_authorize.py stores and reads the same flows on each database.
pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]
CALLBACK = reverse("connections:callback")


def test_the_callback_has_the_documented_path() -> None:
    assert CALLBACK == "/oauth/callback"


@pytest.mark.parametrize(
    "query", ["", "code=x", "state=nobodys&code=x", "state=a&state=b&code=x", "state=a&code=x&code=y"]
)
def test_a_callback_without_an_attempt_is_refused_with_a_page(query: str) -> None:
    with responses.RequestsMock() as outside:
        answer = client_for(make_member()).get(f"{CALLBACK}?{query}")
        assert len(outside.calls) == 0
    assert answer.status_code == 400
    assert "Not connected" in answer.content.decode()
    assert not Connection.objects.exists()


def test_the_page_does_not_leak_its_url() -> None:
    answer = client_for(make_member()).get(f"{CALLBACK}?state=nobodys&code=a-code-in-the-address")
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    # The window that the service's page was in must not be cut off from the one that opened it.
    assert answer["Cross-Origin-Opener-Policy"] == "unsafe-none"
    assert "a-code-in-the-address" not in answer.content.decode()
    assert "nobodys" not in answer.content.decode()


@pytest.mark.parametrize("method", ["post", "head", "put", "delete"])
def test_only_get_is_allowed(method: str) -> None:
    set_up_service()
    browser = client_for(make_member())
    _, state = start_flow(browser)
    answer = getattr(browser, method)(f"{CALLBACK}?state={state}&error=access_denied")
    assert answer.status_code == 405
    assert AuthorizationAttempt.objects.get().status == "pending"


def test_a_signed_out_callback_does_not_carry_the_code_to_the_login_page() -> None:
    set_up_service()
    _, state = start_flow(client_for(make_member()))
    answer = open_callback(Client(), state=state, code="a-code-in-the-address")
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "Your session ended" in page
    assert "a-code-in-the-address" not in page
    assert state not in page
    assert AuthorizationAttempt.objects.get().status == "pending"


def test_access_denied_notifies_the_waiting_page() -> None:
    set_up_service()
    browser = client_for(make_member())
    attempt, state = start_flow(browser)
    answer = open_callback(browser, state=state, error="access_denied", iss="https://sandbox.example")
    page = answer.content.decode()
    assert answer.status_code == 400
    assert f'data-result="{attempt.pk}"' in page
    assert "data-closes" in page
    status = browser.get(
        reverse("connections:attempt", args=[attempt.pk]), headers={"accept": "application/json"}
    ).json()
    assert status["settled"]
    assert "access was denied at Sandbox" in status["html"]


def test_a_flow_in_the_same_tab_does_not_close_it() -> None:
    set_up_service()
    browser = client_for(make_member())
    _, state = start_flow(browser)
    AuthorizationAttempt.objects.update(in_popup=False)
    answer = open_callback(browser, state=state, error="access_denied", iss="https://sandbox.example")
    assert "data-closes" not in answer.content.decode()
    assert reverse("connections:service", args=["sandbox"]) in answer.content.decode()


def test_a_callback_is_accepted_once() -> None:
    set_up_service()
    browser = client_for(make_member())
    _, state = start_flow(browser)
    open_callback(browser, state=state, error="access_denied", iss="https://sandbox.example")
    again = open_callback(browser, state=state, code="x", iss="https://sandbox.example")
    assert again.status_code == 400
    assert "was used already" in again.content.decode()


def test_another_person_cannot_complete_the_flow() -> None:
    set_up_service()
    _, state = start_flow(client_for(make_member()))
    answer = open_callback(client_for(make_member()), state=state, code="x", iss="https://sandbox.example")
    assert answer.status_code == 400
    assert "belongs to another login" in answer.content.decode()
    assert AuthorizationAttempt.objects.get().status == "pending"


def test_another_browser_session_cannot_complete_the_flow() -> None:
    set_up_service()
    me = make_member()
    _, state = start_flow(client_for(me))
    answer = open_callback(client_for(me), state=state, code="x", iss="https://sandbox.example")
    assert answer.status_code == 400
    assert AuthorizationAttempt.objects.get().status == "pending"


def test_a_callback_after_ten_minutes_is_expired() -> None:
    set_up_service()
    browser = client_for(make_member())
    _, state = start_flow(browser)
    AuthorizationAttempt.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    answer = open_callback(browser, state=state, code="x", iss="https://sandbox.example")
    assert answer.status_code == 400
    assert "longer than ten minutes" in answer.content.decode()


def test_a_wrong_issuer_is_refused_without_a_token_call() -> None:
    set_up_service()
    browser = client_for(make_member())
    _, state = start_flow(browser)
    with responses.RequestsMock() as outside:
        answer = open_callback(browser, state=state, code="x", iss="https://evil.example")
        assert len(outside.calls) == 0
    assert answer.status_code == 400
    assert "does not come from Sandbox" in answer.content.decode()


def test_text_of_the_provider_is_escaped() -> None:
    set_up_service()
    browser = client_for(make_member())
    _, state = start_flow(browser)
    answer = open_callback(browser, state=state, error="<script>x</script>", iss="https://sandbox.example")
    assert "<script>x" not in answer.content.decode()


def test_pages_that_open_a_popup_keep_a_reference_to_it() -> None:
    assert settings.SECURE_CROSS_ORIGIN_OPENER_POLICY == "same-origin-allow-popups"
