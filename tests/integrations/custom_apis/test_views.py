"""The pages of a team's own APIs: who finds them, and what they never show."""

import json
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from apps import egress
from apps.egress import destination
from apps.integrations.custom_apis.services.apis import create_custom_api, save_authentication
from apps.integrations.models import CustomApi, Integration, OAuthApp
from apps.teams.models import Membership, Role
from tests.factories import actor_for, client_for, make_member
from tests.integrations.custom_apis.openapi import documents
from tests.integrations.custom_apis.test_services import OAUTH
from tests.servers import http_server

# Forms and texts. tests/integrations/custom_apis/test_api.py does the same by REST on each database.
pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]

SECRET = "s3cret-of-fernhill"
PAGES = ["custom_overview", "custom_authentication", "custom_operations", "custom_callback", "custom_delete", "service"]
ADMINS_PAGES = ["custom_authentication", "custom_callback", "custom_delete"]


@pytest.fixture
def admin() -> Membership:
    return make_member(role=Role.ADMIN)


@pytest.fixture
def api(admin: Membership) -> CustomApi:
    made = create_custom_api(actor=actor_for(admin), name="Carrier Hub", base_url="https://api.carrier.example/v2")
    client = {"client_id": "fernhill", "client_secret": SECRET}
    return save_authentication(actor=actor_for(admin), api=made, authentication=OAUTH, **client)


def page(name: str) -> str:
    package = "connections" if name == "service" else "integrations"
    return reverse(f"{package}:{name}", args=["carrier-hub"])


def form_of(html: str) -> dict[str, str]:
    """What the Authentication tab's form would send unchanged, for the fields that these tests need."""
    assert "auth-form" in html
    return {
        "type": "oauth2",
        "key_location": "bearer",
        "authorization_url": OAUTH.authorization_url,
        "token_url": OAUTH.token_url,
        "client_id": "fernhill",
        "scopes": "shipments:read See shipments\nadmin",
        "token_endpoint_auth_method": "client_secret_basic",
        "scope_separator": " ",
        "pkce": "on",
    }


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("method", ["get", "post"])
def test_another_team_finds_nothing(api: CustomApi, name: str, method: str) -> None:
    stranger = client_for(make_member(role=Role.OWNER))
    status = getattr(stranger, method)(page(name)).status_code
    assert status == (405 if method == "post" and name in ("custom_operations", "service") else 404)
    assert Integration.objects.filter(pk=api.pk).exists()
    assert "Carrier" not in stranger.get(reverse("integrations:custom_apis")).content.decode()
    assert "Carrier" not in stranger.get(reverse("connections:plugins")).content.decode()


def test_the_team_finds_it_in_plugins_and_the_list(api: CustomApi, admin: Membership) -> None:
    member = client_for(make_member(admin.team))
    assert "Carrier Hub" in member.get(reverse("connections:plugins")).content.decode()
    assert "Carrier Hub" in member.get(reverse("integrations:custom_apis")).content.decode()
    shown = member.get(page("service")).content.decode()
    assert "See shipments" in shown
    assert "Your team added this service" in shown


@pytest.mark.parametrize("name", ADMINS_PAGES)
def test_members_look_but_do_not_touch(api: CustomApi, admin: Membership, name: str) -> None:
    member = client_for(make_member(admin.team))
    assert member.get(page(name)).status_code == 403
    assert member.post(page(name), {"type": "none", "wanted": "common"}).status_code == 403
    assert member.post(page("custom_overview"), {"name": "Mine", "base_url": "https://evil.example"}).status_code == 403
    assert member.get(reverse("integrations:custom_new")).status_code == 403
    api.integration.refresh_from_db()
    assert (api.integration.name, api.integration.callback) == ("Carrier Hub", "own")


def test_no_page_ever_shows_the_secret(api: CustomApi, admin: Membership) -> None:
    browser = client_for(admin)
    for name in PAGES:
        assert SECRET not in browser.get(page(name)).content.decode()
    sent = form_of(browser.get(page("custom_authentication")).content.decode())
    refused = browser.post(
        page("custom_authentication"), sent | {"client_secret": "typed-now", "token_url": "nonsense"}
    )
    assert refused.status_code == 200
    assert "typed-now" not in refused.content.decode()


def test_saving_without_a_secret_keeps_it_and_a_changed_address_asks_for_it(api: CustomApi, admin: Membership) -> None:
    browser = client_for(admin)
    sent = form_of(browser.get(page("custom_authentication")).content.decode())
    assert browser.post(page("custom_authentication"), sent).status_code == 302
    refused = browser.post(page("custom_authentication"), sent | {"token_url": "https://evil.example/token"})
    assert "Enter the client secret again" in refused.content.decode()
    api.refresh_from_db()
    assert api.authentication["token_url"] == OAUTH.token_url


def test_looking_it_up_fills_the_form_and_stores_nothing(
    api: CustomApi, admin: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destination, "_allowed", frozenset())
    browser = client_for(admin)
    sent = form_of(browser.get(page("custom_authentication")).content.decode())
    with http_server() as server:
        egress.configure(allowed_hosts=[f"127.0.0.1:{server.port}"])
        metadata = {"issuer": f"{server.url}/realm", "token_endpoint": f"{server.url}/realm/token"}
        server.will_answer(200, json.dumps(metadata).encode())
        looked = sent | {"look_up": "yes", "discovery_url": f"{server.url}/realm/authorize?x=1"}
        html = browser.post(page("custom_authentication"), looked | {"client_secret": SECRET}).content.decode()
        assert f"{server.url}/realm/token" in html
        assert "From discovery" in html
        assert SECRET not in html
        assert "publishes no revocation endpoint" in html
        assert "Enter the client secret again" in html
        full = metadata | {"revocation_endpoint": f"{server.url}/realm/revoke"}
        server.answers[:] = [(200, {}, json.dumps(full).encode())]
        html = browser.post(page("custom_authentication"), looked).content.decode()
        assert "publishes no revocation endpoint" not in html
        assert "Enter the client secret again" not in html
        server.answers[:] = [(200, {}, json.dumps(metadata | {"issuer": "https://other.example"}).encode())]
        html = browser.post(page("custom_authentication"), looked).content.decode()
        assert "belongs to another issuer" in html
    api.refresh_from_db()
    assert api.authentication["token_url"] == OAUTH.token_url


def test_responses_and_hosts_are_typed_as_lines_and_shown_again(api: CustomApi, admin: Membership) -> None:
    browser = client_for(admin)
    typed = {
        "error_rules": 'invalid_grant status=BAD_REFRESH_TOKEN\nslow_down 400 "too many"',
        "ended_token": "200 errors[0].code=602",
        "success_check": "ok=true",
        "access_token_path": "data.token",
    }
    form = form_of(browser.get(page("custom_authentication")).content.decode()) | typed
    assert browser.post(page("custom_authentication"), form).status_code == 302
    stored = CustomApi.objects.get().authentication
    assert [rule["means"] for rule in stored["error_rules"]] == ["invalid_grant", "slow_down"]
    assert stored["success_check"] == {"path": "ok", "equals": True}
    html = unescape(browser.get(page("custom_authentication")).content.decode())
    for text in typed.values():
        assert text in html.replace("\r\n", "\n")
    overview = {"name": "Carrier Hub", "base_url": "https://api.carrier.example/v2"}
    lines = "uploads https://upload.carrier.example/v2 Files\nadmin https://admin.carrier.example"
    assert browser.post(page("custom_overview"), overview | {"hosts": lines}).status_code == 302
    assert [host["label"] for host in CustomApi.objects.get().hosts] == ["Files", "admin"]
    assert "uploads https://upload.carrier.example/v2 Files" in browser.get(page("custom_overview")).content.decode()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("error_rules", "dead 400", "is not a meaning"),
        ("ended_token", '"text only"', "needs an HTTP status"),
        ("success_check", "ok", "Enter a path and its value"),
        ("access_token_path", "a..b", "Enter a path such as"),
    ],
)
def test_a_line_that_is_no_rule_is_said_beside_its_field(
    api: CustomApi, admin: Membership, name: str, text: str, words: str
) -> None:
    browser = client_for(admin)
    form = form_of(browser.get(page("custom_authentication")).content.decode()) | {name: text}
    answer = browser.post(page("custom_authentication"), form)
    assert words in unescape(answer.content.decode())
    assert CustomApi.objects.get().authentication == api.authentication


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        ("uploads", "needs a name and a base URL"),
        ("Up_loads https://a.example", "cannot be the name of a host"),
        ("uploads ftp://a.example", "uploads: "),
        ("uploads https://a.example/{site}", "not a parameter of this API"),
        ("uploads https://a.example\nuploads https://b.example", "a name of its own"),
    ],
)
def test_a_host_that_cannot_be_called_is_refused(api: CustomApi, admin: Membership, hosts: str, words: str) -> None:
    overview = {"name": "Carrier Hub", "base_url": "https://api.carrier.example/v2", "hosts": hosts}
    answer = client_for(admin).post(page("custom_overview"), overview)
    assert answer.status_code == 200
    assert words in unescape(answer.content.decode())
    assert CustomApi.objects.get().hosts == []


@pytest.mark.on_each_database
def test_an_upload_becomes_a_draft_with_its_operations(admin: Membership) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    browser = client_for(admin)
    file = SimpleUploadedFile("forge.json", documents.as_bytes(documents.FORGE))
    sent = browser.post(reverse("integrations:custom_new"), {"how": "import", "import-file": file}, follow=True)
    assert sent.redirect_chain[-1][0].endswith("/custom-apis/forge-v3-rest-api/authentication/")
    url = reverse("integrations:custom_operations", args=["forge-v3-rest-api"])
    assert "Page 1 of 10" in browser.get(url).content.decode()
    found = browser.get(url, {"search": "things-77"}).content.decode()
    assert "things-77" in found
    assert "things-78" not in found


@pytest.mark.parametrize("text", ["", "just words", "<html>", "openapi: 9", "{", "a: &a [*a]"])
def test_invalid_input_gives_a_message(admin: Membership, text: str) -> None:
    sent = client_for(admin).post(reverse("integrations:custom_new"), {"how": "import", "import-document": text})
    assert sent.status_code == 200
    assert 'role="alert"' in sent.content.decode()
    assert not CustomApi.objects.exists()


def test_an_oversized_form_field_gives_an_actionable_message(admin: Membership) -> None:
    sent = {"how": "import", "import-document": "x" * 3_000_000}
    answer = client_for(admin).post(reverse("integrations:custom_new"), sent)
    assert answer.status_code == 413
    assert "Upload a longer document as a file" in answer.content.decode()


@pytest.mark.parametrize("size", [10_000_001, 50_000_000])
def test_a_file_that_is_too_large_is_said_beside_its_field(admin: Membership, size: int) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    file = SimpleUploadedFile("huge.json", b"{" * size)
    answer = client_for(admin).post(reverse("integrations:custom_new"), {"how": "import", "import-file": file})
    assert answer.context["read"].errors["file"] == ["The document is larger than 10 MB."]
    assert not CustomApi.objects.exists()


def test_signed_out_people_are_sent_to_sign_in(api: CustomApi) -> None:
    for name in PAGES:
        assert "/accounts/login/" in Client().get(page(name))["Location"]


def test_get_changes_nothing(api: CustomApi, admin: Membership) -> None:
    browser = client_for(admin)
    for name in PAGES:
        browser.get(page(name))
    api.integration.refresh_from_db()
    assert api.integration.callback == "own"


def imported(admin: Membership) -> CustomApi:
    text = documents.as_bytes(documents.EVERY_SCHEME).decode()
    sent = client_for(admin).post(reverse("integrations:custom_new"), {"how": "import", "import-document": text})
    assert sent.status_code == 302
    return CustomApi.objects.get()


def test_another_way_of_the_document_fills_the_form_and_stores_nothing(admin: Membership) -> None:
    api = imported(admin)
    before = api.authentication
    assert before["type"] == "oauth2"
    number, other = next((n, s) for n, s in enumerate(api.schemes) if s["authentication"]["type"] == "api_key")
    url = reverse("integrations:custom_authentication", args=[api.integration.slug])
    answer = client_for(admin).get(url, {"scheme": number})
    form, marks = answer.context["form"], answer.context["marks"]
    assert form["type"].value() == "api_key"
    assert form["key_name"].value() == other["authentication"]["key_name"]
    assert set(marks.values()) == {"document"}
    assert {"type", "key_location"} <= set(marks)
    # What the first way had filled in is taken out.
    assert form["token_url"].value() == ""
    api.refresh_from_db()
    assert api.authentication == before


def test_the_chosen_scheme_is_saved_and_edited_fields_lose_their_mark(admin: Membership) -> None:
    api = imported(admin)
    number = next(
        n for n, scheme in enumerate(api.schemes) if scheme["authentication"]["key_location"] in ("header", "query")
    )
    url = reverse("integrations:custom_authentication", args=[api.integration.slug])
    form = client_for(admin).get(url, {"scheme": number}).context["form"]
    sent = {name: form[name].value() for name in ("key_location", "key_name", "scheme")}
    sent |= {"type": "api_key", "token_endpoint_auth_method": "client_secret_basic", "scope_separator": " "}
    assert client_for(admin).post(url, sent | {"key_name": "X-Typed"}).status_code == 302
    api.refresh_from_db()
    assert api.authentication["key_name"] == "X-Typed"
    assert api.filled_in == {"type": "document", "key_location": "document"}
    assert client_for(admin).post(url, sent).status_code == 302
    api.refresh_from_db()
    assert api.filled_in["key_name"] == "document"


@pytest.mark.parametrize("scheme", ["99", "-1", "x", "²", "1" * 40])
def test_an_unknown_method_changes_nothing_in_the_form(admin: Membership, scheme: str) -> None:
    api = imported(admin)
    url = reverse("integrations:custom_authentication", args=[api.integration.slug])
    assert client_for(admin).get(url, {"scheme": scheme}).context["form"]["type"].value() == "oauth2"


def test_a_token_host_of_the_document_is_shown_for_confirmation(admin: Membership) -> None:
    api = imported(admin)
    url = reverse("integrations:custom_authentication", args=[api.integration.slug])
    browser = client_for(admin)
    page_text = browser.get(url).content.decode()
    assert "login.everything.example</strong>" in page_text
    assert "the confirmation of the token URL’s host" in page_text
    form = browser.get(url).context["form"]
    shown = ("authorization_url", "token_url", "token_endpoint_auth_method", "scope_separator", "key_location")
    sent = {name: form[name].value() for name in shown}
    sent |= {"type": "oauth2", "pkce": "on", "client_id": "id", "client_secret": "made-up"}
    refused = browser.post(url, sent)
    assert "login.everything.example" in refused.context["form"].errors["confirm_token_host"][0]
    assert not OAuthApp.objects.filter(integration=api.pk).exists()
    assert browser.post(url, sent | {"confirm_token_host": "on"}).status_code == 302
    assert OAuthApp.objects.filter(integration=api.pk).exists()
    assert "confirm_token_host" not in browser.get(url).content.decode()
