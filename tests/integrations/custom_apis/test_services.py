"""A team's own APIs as services know them: described, complete or not, changed, deleted, and no other team's."""

import hashlib
import json
from typing import Any
from unittest.mock import ANY

import pytest

from apps import egress
from apps.audit.models import AuditEvent
from apps.connections.services import listed_integrations
from apps.errors import NotAllowed, NotFound
from apps.integrations.catalog.entries import entry_for, entry_of
from apps.integrations.catalog.provider_config import provider_config
from apps.integrations.custom_apis.schema import URLS, Authentication, CustomScope, FurtherKey, authentication_from
from apps.integrations.custom_apis.services.apis import (
    change_custom_api,
    create_custom_api,
    delete_custom_api,
    save_authentication,
    set_callback,
)
from apps.integrations.custom_apis.services.document_import import fetch_description, import_custom_api
from apps.integrations.custom_apis.services.queries import (
    custom_api_named,
    missing_of,
    oauth_client_of,
    operations_of,
)
from apps.integrations.errors import IntegrationMisconfigured, InvalidInput
from apps.integrations.keys import key_access
from apps.integrations.models import Callback, CustomApi, Integration, OAuthApp
from apps.integrations.oauth_apps.services import oauth_app_for
from apps.integrations.redirect_uri import custom_api_redirect_uri
from apps.teams.actor import Actor
from apps.teams.models import Role
from tests.factories import actor_for, make_member
from tests.servers import http_server

pytestmark = pytest.mark.django_db

OAUTH = Authentication(
    type="oauth2",
    authorization_url="https://login.carrier.example/authorize",
    token_url="https://login.carrier.example/token",
    scopes=(CustomScope(name="shipments:read", description="See shipments"), CustomScope(name="admin")),
)


@pytest.fixture
def admin() -> Actor:
    return actor_for(make_member(role=Role.ADMIN))


@pytest.fixture
def api(admin: Actor) -> CustomApi:
    return create_custom_api(actor=admin, name="Carrier Hub", base_url="https://api.carrier.example/v2")


def save(admin: Actor, api: CustomApi, authentication: Authentication = OAUTH, **client: str | None) -> CustomApi:
    given = client or {"client_id": "fernhill", "client_secret": "s3cret-of-fernhill"}
    return save_authentication(actor=admin, api=api, authentication=authentication, **given)


def fields_of(refusal: pytest.ExceptionInfo[InvalidInput]) -> list[str]:
    return [name for name, _ in refusal.value.errors]


def listed(actor: Actor) -> list[str]:
    return [one.slug for one in listed_integrations.listed(actor)]


def test_a_new_api_is_a_draft_without_connections(admin: Actor, api: CustomApi) -> None:
    assert api.integration.slug == "carrier-hub"
    assert entry_of(api.integration) is None
    assert listed(admin) == []
    with pytest.raises(IntegrationMisconfigured, match="not set up yet"):
        entry_for(api.integration)


def test_a_complete_custom_api_has_a_catalog_entry(admin: Actor, api: CustomApi) -> None:
    integration = save(admin, api).integration
    provider = provider_config(integration, oauth_app=oauth_app_for(admin.team, integration))
    assert provider.token_url == OAUTH.token_url
    assert provider.api_base_url == "https://api.carrier.example/v2"
    assert entry_for(integration).default_scopes == ("shipments:read",)
    assert listed(admin) == ["carrier-hub"]


def test_it_stays_a_draft_while_something_is_missing(admin: Actor, api: CustomApi) -> None:
    api = save_authentication(actor=admin, api=api, authentication=OAUTH)
    assert missing_of(api) == ["client_id"]
    assert entry_of(api.integration) is None


def test_other_teams_cannot_see_a_custom_api(admin: Actor, api: CustomApi) -> None:
    save(admin, api)
    stranger = actor_for(make_member(role=Role.OWNER))
    assert listed(stranger) == []
    with pytest.raises(NotFound):
        custom_api_named(stranger, "carrier-hub")
    for call in (change_custom_api, delete_custom_api):
        with pytest.raises(NotFound):
            call(actor=stranger, api=api)
    with pytest.raises(NotFound):
        save(stranger, api)
    with pytest.raises(NotFound):
        set_callback(actor=stranger, api=api, callback=Callback.COMMON)


def test_two_teams_may_give_the_same_name(admin: Actor, api: CustomApi) -> None:
    other = actor_for(make_member(role=Role.OWNER))
    twin = create_custom_api(actor=other, name="Carrier Hub", base_url="https://other.example")
    again = create_custom_api(actor=admin, name="Carrier Hub", base_url="https://other.example")
    assert (twin.integration.slug, again.integration.slug) == ("carrier-hub", "carrier-hub-2")


def test_a_built_in_services_slug_is_left_to_it(admin: Actor) -> None:
    Integration.objects.get_or_create(slug="slack", team=None, defaults={"name": "Slack"})
    own = create_custom_api(actor=admin, name="Slack", base_url="https://slack.fernhill.example")
    assert own.integration.slug == "slack-2"


def test_members_may_do_none_of_it(admin: Actor, api: CustomApi) -> None:
    member = actor_for(make_member(api.integration.team))
    with pytest.raises(NotAllowed):
        create_custom_api(actor=member, name="Mine", base_url="https://mine.example")
    with pytest.raises(NotAllowed):
        save(member, api)
    with pytest.raises(NotAllowed):
        delete_custom_api(actor=member, api=api)


@pytest.mark.parametrize("name", ["authorization_url", "token_url", "refresh_url", "revocation_url"])
def test_a_stored_secret_does_not_follow_a_changed_address(admin: Actor, api: CustomApi, name: str) -> None:
    api = save(admin, api)
    moved = OAUTH.with_values({name: "https://evil.example/x"})
    with pytest.raises(InvalidInput) as refusal:
        save_authentication(actor=admin, api=api, authentication=moved)
    assert fields_of(refusal) == ["client_secret"]
    api = save_authentication(actor=admin, api=api, authentication=moved, client_secret="another-secret")
    assert OAuthApp.objects.get().client_secret.reveal() == "another-secret"


def test_a_changed_address_makes_another_client_of_the_app(admin: Actor, api: CustomApi) -> None:
    api = save(admin, api)
    before = OAuthApp.objects.get().client_key
    save(admin, api, OAUTH.with_values({"token_url": "https://new.example/token"}), client_secret="s3cret-of-fernhill")
    assert OAuthApp.objects.get().client_key != before


@pytest.mark.parametrize("host", ["login.carrier.example", "other.example"])
def test_a_revocation_url_added_later_asks_for_the_secret_only(admin: Actor, api: CustomApi, host: str) -> None:
    api = save(admin, api)
    before = OAuthApp.objects.get().client_key
    added = OAUTH.with_values({"revocation_url": f"https://{host}/revoke"})
    with pytest.raises(InvalidInput) as refusal:
        save_authentication(actor=admin, api=api, authentication=added)
    assert fields_of(refusal) == ["client_secret"]
    api = save_authentication(actor=admin, api=api, authentication=added, client_secret="s3cret-of-fernhill")
    assert OAuthApp.objects.get().client_key == before
    moved = added.with_values({"revocation_url": "https://third.example/revoke"})
    save_authentication(actor=admin, api=api, authentication=moved, client_secret="s3cret-of-fernhill")
    assert OAuthApp.objects.get().client_key == before
    assert Integration.objects.get(pk=api.pk).revocation_version == 2


def test_a_fingerprint_of_an_earlier_version_is_kept_until_another_url_changes(admin: Actor, api: CustomApi) -> None:
    elsewhere = OAUTH.with_values({"revocation_url": "https://other.example/revoke"})
    api = save(admin, api, elsewhere)
    urls = [
        OAUTH.authorization_url,
        OAUTH.token_url,
        "",
        elsewhere.revocation_url,
        "https://api.carrier.example",
        "://",
    ]
    earlier = hashlib.sha256(json.dumps(urls).encode()).hexdigest()
    Integration.objects.filter(pk=api.pk).update(base_url_fingerprint=earlier)
    save(admin, api, OAUTH)
    save(admin, api, elsewhere)
    change_custom_api(actor=admin, api=api, name="Carriers")
    assert Integration.objects.get(pk=api.pk).base_url_fingerprint == earlier
    change_custom_api(actor=admin, api=api, base_url="https://elsewhere.example")
    assert Integration.objects.get(pk=api.pk).base_url_fingerprint != earlier


def test_the_api_moving_to_another_host_makes_another_client_too(admin: Actor, api: CustomApi) -> None:
    api = save(admin, api)
    before = OAuthApp.objects.get().client_key
    change_custom_api(actor=admin, api=api, base_url="https://api.carrier.example/v3")
    assert OAuthApp.objects.get().client_key == before
    change_custom_api(actor=admin, api=api, base_url="https://elsewhere.example/v3")
    assert OAuthApp.objects.get().client_key != before


@pytest.mark.parametrize(
    "url",
    [
        "http://login.carrier.example/token",
        "https://user@login.carrier.example/token",
        "https://login.carrier.example/token#part",
        "https://login.carrier.example/token?client_id=x",
        "https://127.0.0.1/token",
        "https://169.254.169.254/latest",
        "https://login.carrier.example:8443/token",
        "javascript:alert(1)",
        "https://{tenant}.carrier.example/token",
        "//login.carrier.example",
    ],
)
def test_addresses_that_cannot_be_an_endpoint_are_refused_by_field(admin: Actor, api: CustomApi, url: str) -> None:
    for name in URLS:
        with pytest.raises(InvalidInput) as refusal:
            save(admin, api, OAUTH.with_values({name: url}))
        assert fields_of(refusal) == [name]


def test_a_custom_api_has_its_own_callback_unless_an_admin_changes_it(admin: Actor, api: CustomApi) -> None:
    assert custom_api_redirect_uri(api.integration).endswith(f"/oauth/return/{api.pk}")
    set_callback(actor=admin, api=api, callback=Callback.COMMON)
    assert custom_api_redirect_uri(Integration.objects.get(pk=api.pk)).endswith("/oauth/callback")
    assert AuditEvent.objects.filter(action="integration.callback_changed").count() == 1


def test_deleting_erases_the_client(admin: Actor, api: CustomApi) -> None:
    api = save(admin, api)
    delete_custom_api(actor=admin, api=api)
    assert not OAuthApp.objects.exists()
    assert not Integration.objects.filter(pk=api.pk).exists()


def test_no_secret_is_in_the_log_or_the_row(admin: Actor, api: CustomApi) -> None:
    api = save(admin, api)
    api.refresh_from_db()
    everything = str(list(AuditEvent.objects.values())) + str(api.authentication) + str(api.integration.definition)
    assert "s3cret-of-fernhill" not in everything


SERVERS = [{"url": "https://sandbox.example.com", "description": "Sandbox"}, {"url": "https://api.example.com/{v}"}]
KEYS = {
    "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "app": {"type": "apiKey", "in": "query", "name": "app_id"},
}


def document_with(**parts: Any) -> bytes:
    base = {"openapi": "3.0.3", "info": {"title": "Carriers", "version": "1"}, "paths": {}}
    return json.dumps(base | parts).encode()


def test_of_several_servers_the_person_chooses_one(admin: Actor) -> None:
    content = document_with(servers=SERVERS)
    with pytest.raises(InvalidInput, match=r"several servers.*sandbox.example.com .Sandbox.; https://api") as refusal:
        import_custom_api(actor=admin, content=content, source="pasted")
    assert fields_of(refusal) == ["base_url"]
    api = import_custom_api(actor=admin, content=content, source="pasted", base_url="https://api.example.com/{v}")
    assert (api.base_url, [param["name"] for param in api.params]) == ("https://api.example.com/{v}", ["v"])


def test_keys_that_are_needed_together_are_entered_and_sent_together(admin: Actor) -> None:
    content = document_with(
        servers=SERVERS[:1], components={"securitySchemes": KEYS}, security=[{"key": [], "app": []}]
    )
    api = import_custom_api(actor=admin, content=content, source="pasted")
    entry = entry_of(api.integration)
    assert entry is not None
    assert [field.name for field in entry.fields] == ["key", "key_2"]
    credentials = key_access(entry, fields={"key": "a", "key_2": "b"}, params={})
    assert (credentials.headers, credentials.query) == ({"X-Key": "a"}, {"app_id": "b"})


def signing_in_at(host: str, **flows: Any) -> bytes:
    code = {"authorizationUrl": f"https://{host}/a", "tokenUrl": f"https://{host}/t", "scopes": {}}
    schemes = {"o": {"type": "oauth2", "flows": flows or {"authorizationCode": code}}}
    return document_with(servers=SERVERS[:1], components={"securitySchemes": schemes})


def test_no_secret_goes_to_another_host_before_a_person_confirms_it(admin: Actor) -> None:
    source = "https://docs.example/spec.json"
    api = import_custom_api(actor=admin, content=signing_in_at("login.example"), source=source)
    assert {"where": "token_url", "sentence": ANY} in api.notes
    assert missing_of(api) == ["client_id", "confirm_token_host"]
    settings = authentication_from(api.authentication)
    client = {"client_id": "id", "client_secret": "made-up"}
    with pytest.raises(InvalidInput, match=r"login\.example") as refusal:
        save_authentication(actor=admin, api=api, authentication=settings, **client)
    assert fields_of(refusal) == ["confirm_token_host"]
    assert oauth_client_of(api) is None
    saved = save_authentication(actor=admin, api=api, authentication=settings, **client, confirm_token_host=True)
    assert missing_of(saved) == []
    assert entry_of(saved.integration) is not None
    saved = save_authentication(actor=admin, api=saved, authentication=settings.with_values({"pkce": False}))
    assert missing_of(saved) == []
    moved = settings.with_values({"token_url": "https://typed.example/t"})
    assert missing_of(save_authentication(actor=admin, api=saved, authentication=moved, client_secret="made-up")) == []


def test_a_client_of_each_person_is_held_back_too(admin: Actor) -> None:
    machine = {"tokenUrl": "https://login.example/t", "scopes": {}}
    api = import_custom_api(actor=admin, content=signing_in_at("", clientCredentials=machine), source="pasted")
    assert (missing_of(api), entry_of(api.integration)) == (["confirm_token_host"], None)


@pytest.mark.parametrize("host", ["sandbox.example.com", "docs.example"])
def test_the_hosts_of_the_api_and_the_document_need_no_confirmation(admin: Actor, host: str) -> None:
    api = import_custom_api(actor=admin, content=signing_in_at(host), source="https://docs.example/spec.json")
    assert missing_of(api) == ["client_id"]


def test_nothing_goes_to_where_a_document_was_fetched(admin: Actor) -> None:
    code = {"authorizationUrl": "/oauth2/authorize", "tokenUrl": "/v1/oauth2/token", "scopes": {}}
    schemes = {"o": {"type": "oauth2", "flows": {"authorizationCode": code}}}
    paths = {"/a": {"servers": [{"url": "/v2"}], "get": {"responses": {"200": {"description": "Fine"}}}}}
    servers = [{"url": "https://api.example.com"}]
    content = document_with(servers=servers, components={"securitySchemes": schemes}, paths=paths)
    with http_server() as elsewhere:
        egress.configure(allowed_hosts=[f"127.0.0.1:{elsewhere.port}"])
        elsewhere.will_answer(200, content)
        url = f"{elsewhere.url}/spec.json"
        fetched = fetch_description(actor=admin, url=url)
        ways = ({"content": fetched, "source": url, "document_url": url}, {"content": content, "source": "spec.json"})
        for way in ways:
            api = import_custom_api(actor=admin, **way)
            assert api.authentication["token_url"] == "https://api.example.com/v1/oauth2/token"
            assert api.authentication["authorization_url"] == "https://api.example.com/oauth2/authorize"
            assert [host["base_url"] for host in api.hosts] == ["https://api.example.com/v2"]
        assert [call.path for call in elsewhere.received] == ["/spec.json"]


def test_operations_at_other_servers_make_further_hosts(admin: Actor) -> None:
    answer = {"responses": {"200": {"description": "Fine"}}}
    paths = {
        "/files": {"get": answer},
        "/files/content": {"post": {**answer, "servers": [{"url": "http://upload.example.org/api"}]}},
        "/local": {"get": {**answer, "servers": [{"url": "https://user@api.example.com"}]}},
        "/v2": {"get": {**answer, "servers": [{"url": "https://sandbox.example.com/v2", "description": "Two"}]}},
    }
    api = import_custom_api(actor=admin, content=document_with(servers=SERVERS[:1], paths=paths), source="pasted")
    assert api.hosts == [
        {"name": "upload", "base_url": "https://upload.example.org/api", "label": "upload.example.org"},
        {"name": "v2", "base_url": "https://sandbox.example.com/v2", "label": "Two"},
    ]
    called = {operation.path: operation.called_path for operation in operations_of(api.integration)}
    assert called == {"/files": "/files", "/files/content": "@upload/files/content", "/v2": "@v2/v2"}
    notes = {note["where"]: note["sentence"] for note in api.notes}
    assert "calls to @upload carry the credentials" in notes["servers"]
    assert any("Its operations were left out." in sentence for sentence in notes.values())


@pytest.mark.parametrize("further", [["X-Key"], ["Host"], ["a b"], ["X-A", "x-a"], [f"X-{n}" for n in range(6)]])
def test_further_keys_need_names_of_their_own(admin: Actor, api: CustomApi, further: list[str]) -> None:
    keys = tuple(FurtherKey(name=name) for name in further)
    settings = Authentication(type="api_key", key_location="header", key_name="X-Key", further_keys=keys)
    with pytest.raises(InvalidInput) as refusal:
        save(admin, api, settings)
    assert set(fields_of(refusal)) == {"further_keys"}
