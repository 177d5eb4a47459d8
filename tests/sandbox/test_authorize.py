"""The authorization endpoint: sign-in, consent, and each outcome of the redirect to the client."""

from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from .cast import CALLBACK, Client, Person


def test_approval_redirects_with_code_state_and_issuer(client: Client) -> None:
    received = Person(client).authorize()
    assert set(received) == {"code", "state", "iss"}
    assert received["state"] == client.state
    assert received["iss"] == client.sandbox.url


def test_the_code_is_exchanged_for_tokens_of_the_chosen_account(client: Client) -> None:
    tokens = client.connect(account="grace")
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 60
    assert set(tokens["scope"].split()) == {"profile", "messages:read", "messages:write"}
    assert client.get("/api/me", tokens["access_token"]).json() == {
        "id": "grace",
        "name": "Grace Example",
        "email": "grace@sandbox.example",
    }


@pytest.mark.parametrize("scenario", ["works", "deny"])
def test_denial_redirects_with_access_denied_state_and_issuer(client: Client, scenario: str) -> None:
    received = Person(client).authorize(decision="deny", scenario=scenario)
    assert received["error"] == "access_denied"
    assert received["state"] == client.state
    assert received["iss"] == client.sandbox.url
    assert "code" not in received


def test_the_deny_scenario_cannot_be_approved(client: Client) -> None:
    person = Person(client)
    assert person.authorize(scenario="deny", decision="approve")["error"] == "access_denied"
    assert 'value="approve"' not in person.page


def test_consent_without_permissions_is_a_denial(client: Client) -> None:
    assert Person(client).authorize(permissions=[])["error"] == "access_denied"


def test_the_partial_scenario_selects_only_the_first_permission(client: Client) -> None:
    tokens = client.connect(scenario="partial")
    assert tokens["scope"] == "profile"
    response = client.get("/api/messages", tokens["access_token"])
    assert response.status_code == 403
    assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"]
    assert 'scope="messages:read"' in response.headers["WWW-Authenticate"]


def test_any_permission_can_be_deselected(client: Client) -> None:
    tokens = client.connect(permissions=["messages:read"])
    assert tokens["scope"] == "messages:read"
    assert client.get("/api/me", tokens["access_token"]).status_code == 403


def test_a_permission_that_was_not_requested_cannot_be_granted(client: Client) -> None:
    tokens = client.connect(scope="profile", permissions=["profile", "workspace:admin"])
    assert tokens["scope"] == "profile"


def test_the_other_account_scenario_signs_in_the_other_account(client: Client) -> None:
    tokens = client.connect(account="ada", scenario="other_account")
    assert client.get("/api/me", tokens["access_token"]).json()["id"] == "grace"


def test_each_authorization_request_requires_a_new_sign_in(client: Client) -> None:
    person = Person(client)
    person.authorize(account="ada")
    again = person.browser.get(client.authorization_url(), timeout=60)
    assert urlsplit(again.url).path == "/login/"


def test_a_sign_in_is_valid_for_its_own_authorization_request_only(client: Client) -> None:
    person = Person(client)
    person.sign_in(account="ada", scenario="works")
    another = person.browser.get(client.authorization_url(state="another"), timeout=60)
    assert urlsplit(another.url).path == "/login/"


@pytest.mark.parametrize(
    "changed",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
    ],
)
def test_a_request_without_s256_is_rejected_before_sign_in(client: Client, changed: dict[str, str | None]) -> None:
    response = requests.get(client.authorization_url(**changed), allow_redirects=False, timeout=60)
    assert response.headers["Location"].startswith(CALLBACK)
    received = parse_qs(urlsplit(response.headers["Location"]).query)
    assert received["error"] == ["invalid_request"]
    assert received["iss"] == [client.sandbox.url]
    assert received["state"] == [client.state]


@pytest.mark.parametrize("changed", [{"redirect_uri": "http://127.0.0.1:9/elsewhere"}, {"client_id": "unknown"}])
def test_an_unknown_client_or_redirect_uri_is_not_redirected(client: Client, changed: dict[str, str]) -> None:
    response = requests.get(client.authorization_url(**changed), allow_redirects=False, timeout=60)
    assert response.status_code == 400
    assert "Location" not in response.headers
    assert "Invalid authorization request" in response.text


def test_an_unknown_scope_redirects_with_invalid_scope(client: Client) -> None:
    response = requests.get(client.authorization_url(scope="everything"), allow_redirects=False, timeout=60)
    assert parse_qs(urlsplit(response.headers["Location"]).query)["error"] == ["invalid_scope"]


@pytest.mark.parametrize("next_url", ["", "//evil.example/o/authorize/?client_id=x", "https://evil.example/", "/"])
def test_the_login_page_leads_only_to_a_consent_page(client: Client, next_url: str) -> None:
    response = requests.get(f"{client.sandbox.url}/login/", params={"next": next_url}, timeout=60)
    assert response.status_code == 400


def test_sign_in_and_consent_require_a_csrf_token(client: Client) -> None:
    person = Person(client)
    consent = person.sign_in(account="ada", scenario="works")
    assert person.browser.post(consent, data={"decision": "approve"}, timeout=60).status_code == 403
    login = f"{client.sandbox.url}/login/?next=%2Fo%2Fauthorize%2F%3Fclient_id={client.sandbox.client_id}"
    assert person.browser.post(login, data={"account": "ada"}, timeout=60).status_code == 403


def test_a_get_of_the_consent_page_grants_nothing(client: Client) -> None:
    person = Person(client)
    consent = person.sign_in(account="ada", scenario="works")
    before = len(client.sandbox.journal())
    page = person.browser.get(consent + "&decision=approve&permission=profile", allow_redirects=False, timeout=60)
    assert page.status_code == 302  # another URL is another authorization request
    assert urlsplit(page.headers["Location"]).path == "/login/"
    assert person.browser.get(consent, allow_redirects=False, timeout=60).status_code == 200
    assert len(client.sandbox.journal()) == before


def test_pages_have_a_strict_policy_and_their_own_cookies(client: Client) -> None:
    person = Person(client)
    login = person.browser.get(client.authorization_url(), timeout=60)
    policy = login.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert login.headers["Cache-Control"].count("no-store") == 1
    person.authorize()
    assert {cookie.name for cookie in person.browser.cookies} <= {"sandbox_csrf", "sandbox_session"}


def test_the_metadata_lists_the_issuer_the_endpoints_and_iss_support(client: Client) -> None:
    url = client.sandbox.url
    metadata = requests.get(f"{url}/.well-known/oauth-authorization-server", timeout=60).json()
    assert metadata["issuer"] == url
    assert metadata["authorization_endpoint"] == f"{url}/o/authorize/"
    assert metadata["token_endpoint"] == f"{url}/o/token/"
    assert metadata["revocation_endpoint"] == f"{url}/o/revoke_token/"
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["authorization_response_iss_parameter_supported"] is True
