"""*Register for me* (RFC 7591) at a real socket: what is requested, what is stored, and each way in which it fails."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from apps import egress
from apps.audit.models import AuditEvent
from apps.egress import destination
from apps.errors import NotAllowed
from apps.integrations.custom_apis.schema import Authentication, CustomScope, authentication_from
from apps.integrations.custom_apis.services.apis import create_custom_api, save_authentication
from apps.integrations.custom_apis.services.registration import register_client
from apps.integrations.errors import InvalidInput
from apps.integrations.models import CustomApi, OAuthApp
from apps.integrations.redirect_uri import custom_api_redirect_uri
from apps.teams.models import Membership, Role
from tests.authserver import Answer, AuthServer, auth_server
from tests.factories import actor_for, client_for, make_member, make_user

# What is requested and how it fails is the protocol; the OAuth app is stored as everywhere.
pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AuthServer]:
    with auth_server() as running:
        monkeypatch.setattr(destination, "_allowed", frozenset())
        egress.configure(allowed_hosts=[urlsplit(running.url).netloc])
        running.publish(
            registration_endpoint=f"{running.url}/register",
            token_endpoint_auth_methods_supported=["client_secret_post"],
        )
        yield running


@pytest.fixture
def admin(owner: Membership) -> Membership:
    return make_member(owner.team, Role.ADMIN, user=make_user("Ada Admin"))


@pytest.fixture
def draft(server: AuthServer, admin: Membership) -> CustomApi:
    api = create_custom_api(actor=actor_for(admin), name="Carrier Hub", base_url=f"{server.url}/api")
    described = Authentication(
        type="oauth2",
        authorization_url=f"{server.url}/authorize",
        token_url=f"{server.url}/o/token/",
        registration_url=f"{server.url}/register",
        scopes=(CustomScope(name="messages:read"), CustomScope(name="profile")),
    )
    return save_authentication(actor=actor_for(admin), api=api, authentication=described)


def register(api: CustomApi, admin: Membership) -> CustomApi:
    return register_client(actor=actor_for(admin), api=CustomApi.objects.get(pk=api.pk))


def refusal(api: CustomApi, admin: Membership) -> str:
    with pytest.raises(InvalidInput) as refused:
        register(api, admin)
    assert not OAuthApp.objects.exists()
    return refused.value.sentence


def answering(server: AuthServer, status: int = 201, **fields: Any) -> None:
    genuine = {"client_id": "given-id", "client_secret": "given-secret", "client_secret_expires_at": 0}
    server.registration = Answer.json(status, genuine | fields)


def test_a_client_is_registered_and_stored(server: AuthServer, draft: CustomApi, admin: Membership) -> None:
    saved = register(draft, admin)
    assert server.registrations == [
        {
            "redirect_uris": [custom_api_redirect_uri(draft.integration)],
            "client_name": "Specway Connections",
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "client_secret_post",
            "scope": "messages:read profile",
        }
    ]
    app = OAuthApp.objects.get()
    assert app.client_id == server.client_id
    assert app.client_secret is not None
    assert app.client_secret.reveal() == server.client_secret
    assert app.secret_expires_on is None
    assert authentication_from(saved.authentication).token_endpoint_auth_method == "client_secret_post"
    assert saved.integration.definition is not None
    event = AuditEvent.objects.get(action="integration.client_registered")
    assert event.detail == {"client_id": server.client_id}
    assert server.client_secret not in str(AuditEvent.objects.values_list())


def test_the_secrets_end_is_kept(server: AuthServer, draft: CustomApi, admin: Membership) -> None:
    answering(server, client_secret_expires_at=1_893_456_000)
    register(draft, admin)
    assert str(OAuthApp.objects.get().secret_expires_on) == "2030-01-01"


def test_a_public_client_has_no_secret(server: AuthServer, draft: CustomApi, admin: Membership) -> None:
    answering(server, token_endpoint_auth_method="none", client_secret=None)
    saved = register(draft, admin)
    assert OAuthApp.objects.get().client_secret is None
    assert authentication_from(saved.authentication).token_endpoint_auth_method == "none"


@pytest.mark.parametrize(
    ("status", "fields", "words"),
    [
        (201, {"client_id": ""}, "client_id is missing"),
        (201, {"client_id": ["x"]}, "client_id is not a string"),
        (201, {"client_id": "tab\tulator"}, "client_id is not a string"),
        (201, {"client_secret": None}, "client_secret is missing"),
        (201, {"token_endpoint_auth_method": "private_key_jwt"}, "not one that we can use"),
        (201, {"redirect_uris": ["https://evil.example/"]}, "another redirect URI was registered"),
        (400, {"error": "invalid_client_metadata"}, "“invalid_client_metadata”"),
        (400, {"error": "invalid_redirect_uri"}, "rejects the redirect URI http"),
        (401, {}, "initial access token"),
        (503, {}, "HTTP status 503"),
        (404, {}, "status 404"),
    ],
)
def test_an_unusable_registration_response_gives_a_message(
    server: AuthServer, draft: CustomApi, admin: Membership, status: int, fields: dict[str, Any], words: str
) -> None:
    answering(server, status, **fields)
    assert words in refusal(draft, admin)


def test_an_html_page_instead_of_a_registration_response(
    server: AuthServer, draft: CustomApi, admin: Membership
) -> None:
    server.registration = Answer(200, b"<html>Hello</html>", {"Content-Type": "text/html"})
    assert "not JSON" in refusal(draft, admin)


def test_an_issuer_without_registration_gives_a_message(
    server: AuthServer, draft: CustomApi, admin: Membership
) -> None:
    server.publish()
    assert "does not support dynamic registration" in refusal(draft, admin)
    server.publish(registration_endpoint=f"{server.url}/register/elsewhere")
    assert "publishes another registration URL" in refusal(draft, admin)
    assert server.registrations == []


def without_its_address(draft: CustomApi, admin: Membership) -> CustomApi:
    unknown = authentication_from(draft.authentication).with_values({"registration_url": ""})
    return save_authentication(actor=actor_for(admin), api=draft, authentication=unknown)


def test_a_server_that_is_not_known_to_support_it_is_not_asked(
    server: AuthServer, draft: CustomApi, admin: Membership
) -> None:
    assert "No registration URL is known" in refusal(without_its_address(draft, admin), admin)
    assert server.registrations == []


def test_an_entered_registration_url_is_enough(server: AuthServer, draft: CustomApi, admin: Membership) -> None:
    server.metadata = None
    register(draft, admin)
    assert server.registrations[0]["token_endpoint_auth_method"] == "client_secret_basic"


def test_the_button_is_offered_once_discovery_found_it_and_was_saved(
    server: AuthServer, draft: CustomApi, admin: Membership
) -> None:
    browser, page = client_for(admin), f"/custom-apis/{draft.integration.slug}/authentication/"
    without_its_address(draft, admin)
    html = browser.get(page).content.decode()
    assert "/register/" not in html
    assert "appears here if the issuer supports" in html
    shown = {"type": "oauth2", "key_location": "bearer", "token_endpoint_auth_method": "client_secret_basic",
             "scope_separator": " ", "discovery_url": server.url}  # fmt: skip
    looked_up = browser.post(page, shown | {"look_up": "yes"})
    found = {name: looked_up.context["form"][name].value() for name in ("issuer", "registration_url", "token_url")}
    assert found["registration_url"] == f"{server.url}/register"
    assert browser.post(page, shown | found).status_code == 302
    html = browser.get(page).content.decode()
    assert f"/custom-apis/{draft.integration.slug}/register/" in html
    assert "appears here if the issuer" not in html


def test_a_client_of_another_token_endpoint_is_not_registered(
    server: AuthServer, draft: CustomApi, admin: Membership
) -> None:
    server.publish(registration_endpoint=f"{server.url}/register", token_endpoint=f"{server.url}/other")
    assert "token URL differs" in refusal(draft, admin)
    assert server.registrations == []


def test_members_and_strangers_do_not_register(
    server: AuthServer, draft: CustomApi, member: Membership, stranger: Membership
) -> None:
    with pytest.raises(NotAllowed):
        register_client(actor=actor_for(member), api=draft)
    page = f"/custom-apis/{draft.integration.slug}/register/"
    assert client_for(member).post(page).status_code == 403
    assert client_for(stranger).post(page).status_code == 404
    assert client_for(member).get(page).status_code == 405
    assert server.registrations == []


def test_the_button_fills_the_client_id(server: AuthServer, draft: CustomApi, admin: Membership) -> None:
    page = f"/custom-apis/{draft.integration.slug}/register/"
    html = client_for(admin).post(page, follow=True).content.decode()
    assert "registered a client" in html
    assert f'value="{server.client_id}"' in html
    assert server.client_secret not in html
