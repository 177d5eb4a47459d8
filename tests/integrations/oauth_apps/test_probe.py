"""*Test*: what a real token endpoint's answer shows about the client ID and secret, by each way of authenticating."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from apps import egress
from apps.audit.models import AuditEvent
from apps.audit.origin import Origin
from apps.egress import destination
from apps.integrations.catalog.sync import load_catalog
from apps.integrations.models import OAuthApp
from apps.integrations.oauth_apps.probe import Verdict, probe_client
from apps.integrations.oauth_apps.services import ensure_oauth_app, save_oauth_app
from tests.authserver import AuthServer, answers, auth_server, refuses, reset
from tests.fixtures.connections import kinds
from tests.oauth1server import OAuth1Server, oauth1_server

__all__ = ["kinds"]  # a fixture: a catalog with a service that speaks OAuth 1.0a

OPERATOR = Origin(kind="operator", id="1", label="Olu Operator")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AuthServer]:
    with auth_server() as running:
        monkeypatch.setattr(destination, "_allowed", frozenset())
        egress.configure(allowed_hosts=[urlsplit(running.url).netloc])
        yield running


@pytest.fixture
def app(server: AuthServer, db: Any) -> OAuthApp:
    load_catalog()
    return ensure_oauth_app(
        integration_slug="sandbox",
        client_id=server.client_id,
        client_secret=server.client_secret,
        params={"origin": server.url},
    )


def change(app: OAuthApp, **values: Any) -> OAuthApp:
    kept = {"client_id": app.client_id, "params": app.params, "overrides": app.overrides}
    return save_oauth_app(origin=OPERATOR, integration=app.integration, **kept | values)


def probe(app: OAuthApp) -> Verdict:
    return probe_client(origin=OPERATOR, oauth_app=OAuthApp.objects.select_related("integration").get(pk=app.pk))


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_valid_and_wrong_client_credentials_are_distinguished(app: OAuthApp, server: AuthServer, method: str) -> None:
    server.client_authentication = method
    app = change(app, overrides={"token_endpoint_auth_method": method})
    verdict = probe(app)
    assert (verdict.result, verdict.code) == ("accepted", "invalid_grant")
    assert verdict.sentence == "Sandbox accepts the client ID and secret."
    assert " Tested " in str(verdict)
    change(app, client_id="another", client_secret="another")
    verdict = probe(app)
    assert (verdict.result, verdict.code) == ("refused", "invalid_client")


def test_a_wrong_secret_alone_is_refused(app: OAuthApp) -> None:
    change(app, client_secret="wrong")
    assert probe(app).sentence == "Sandbox rejected the client ID or secret (error “invalid_client”)."


@pytest.mark.parametrize(
    ("behavior", "because"),
    [
        (answers(200, b"<html>Sign in</html>", Content_Type="text/html"), "the response is not a valid OAuth response"),
        (answers(503), "the service responded with HTTP status 503"),
        (refuses("invalid_request"), "the service responded with “invalid_request”"),
        (reset(), "the service did not respond"),
        (answers(200, b'{"access_token": "t", "token_type": "bearer"}'), "accepts any code"),
    ],
)
def test_an_inconclusive_test_states_the_reason(app: OAuthApp, server: AuthServer, behavior: Any, because: str) -> None:
    server.script(behavior)
    verdict = probe(app)
    assert verdict.result == "unknown"
    assert verdict.sentence.startswith("Not verified:")
    assert because in verdict.sentence


def test_an_unreachable_service_is_not_verified(app: OAuthApp) -> None:
    egress.configure(allowed_hosts=["127.0.0.1:9"])
    change(app, params={"origin": "http://127.0.0.1:9"}, client_secret="s")
    assert "could not be reached" in probe(app).sentence


@pytest.mark.parametrize(
    "answer",
    [
        {"error": "redirect_uri_mismatch"},
        {"error": "invalid_client", "error_description": "The redirect URI does not match"},
        {"error": "invalid_grant", "error_description": "redirect_uri is not registered"},
    ],
)
def test_a_rejected_redirect_uri_is_shown_for_registration(
    app: OAuthApp, server: AuthServer, answer: dict[str, str]
) -> None:
    server.script(answers(400, json.dumps(answer).encode()))
    verdict = probe(app)
    assert verdict.result == "unknown"
    assert "Register exactly http://127.0.0.1:8000/oauth/callback there" in verdict.sentence


def test_a_test_changes_nothing_else_and_is_kept_and_audited_without_secrets(app: OAuthApp) -> None:
    change(app, client_secret="wrong-one")
    before = OAuthApp.objects.values().get()
    verdict = probe(app)
    after = OAuthApp.objects.values().get()
    kept = {"tested_at": verdict.at, "test_result": "refused", "test_message": verdict.sentence}
    assert after == before | kept
    assert "wrong-one" not in str(kept)
    event = AuditEvent.objects.get(action="oauth_app.tested")
    assert event.detail == {"result": "refused", "code": "invalid_client"}
    assert "wrong-one" not in str(AuditEvent.objects.values_list())


def test_the_last_test_is_forgotten_when_what_was_tested_changes(app: OAuthApp) -> None:
    probe(app)
    change(app, scopes_allowed=["profile"])
    assert OAuthApp.objects.get().test_result == "accepted"
    change(app, client_secret="another")
    forgotten = OAuthApp.objects.get()
    assert (forgotten.tested_at, forgotten.test_result, forgotten.test_message) == (None, "", "")


def test_a_result_for_replaced_values_is_not_stored(app: OAuthApp) -> None:
    read_before = OAuthApp.objects.select_related("integration").get()
    change(app, client_secret="another")
    assert probe_client(origin=OPERATOR, oauth_app=read_before).result == "accepted"
    assert OAuthApp.objects.get().tested_at is None


@pytest.fixture
def signing(monkeypatch: pytest.MonkeyPatch, kinds: None) -> Iterator[OAuth1Server]:
    with oauth1_server() as running:
        monkeypatch.setattr(destination, "_allowed", frozenset())
        egress.configure(allowed_hosts=[f"127.0.0.1:{running.port}"])
        yield running


def signed_app(server: OAuth1Server, key: str, secret: str) -> OAuthApp:
    params = {"origin": server.url}
    return ensure_oauth_app(integration_slug="signed", client_id=key, client_secret=secret, params=params)


def test_oauth1_is_tested_by_asking_for_a_request_token(signing: OAuth1Server) -> None:
    verdict = probe(signed_app(signing, signing.key, signing.secret))
    assert (verdict.result, verdict.sentence) == ("accepted", "Signed accepts the client ID and secret.")
    assert [path for path, _ in signing.seen] == ["/request"]
    for key, secret in ((signing.key, "wrong"), ("wrong", signing.secret)):
        verdict = probe(signed_app(signing, key, secret))
        assert verdict.result == "refused"
        assert verdict.sentence.startswith("Signed rejected the client ID or secret and issued no request token.")
        assert OAuthApp.objects.get().broken_since is None


def test_an_unconfirmed_callback_does_not_verify_the_secret(signing: OAuth1Server) -> None:
    signing.confirms_callback = False
    verdict = probe(signed_app(signing, signing.key, signing.secret))
    assert verdict.result == "unknown"
    assert "the response is not a valid OAuth response" in verdict.sentence


def test_operators_test_by_a_button_that_posts(app: OAuthApp, admin_client: Client) -> None:
    page = f"/admin/integrations/oauthapp/{app.pk}/"
    assert f'action="{page}test/"' in admin_client.get(f"{page}change/").content.decode()
    assert admin_client.get(f"{page}test/").status_code == 405
    html = admin_client.post(f"{page}test/", follow=True).content.decode()
    assert "Sandbox accepts the client ID and secret. Tested" in html
    again = admin_client.get(f"{page}change/").content.decode()
    assert "Sandbox accepts the client ID and secret. Tested" in again.partition("Last test")[2]
    assert Client().post(f"{page}test/").status_code == 302
    assert AuditEvent.objects.filter(action="oauth_app.tested").count() == 1
