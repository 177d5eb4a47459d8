"""The operators' place: secrets go in and never come out, and everything is audited."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.connections.models import Connection
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.oauth_apps.services import client_credentials, mark_oauth_app_broken
from apps.teams.models import Membership, User
from tests.factories import client_for, make_user

ADD = reverse("admin:integrations_oauthapp_add")


@pytest.fixture
def operator(db: Any) -> Client:
    user = make_user("Olu Operator")
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    return client


def change_url(app: OAuthApp) -> str:
    return reverse("admin:integrations_oauthapp_change", args=[app.pk])


def sent(slug: str = "github", **values: str) -> dict[str, str]:
    integration = Integration.objects.get(slug=slug)
    return {"integration": str(integration.pk), "team": "", "client_id": "id", **values}


def test_an_oauth_app_is_added_with_a_sealed_secret_and_an_audit_event(loaded: None, operator: Client) -> None:
    secret = secrets.token_urlsafe(24)
    response = operator.post(ADD, sent(secret=secret))
    assert response.status_code == 302
    app = OAuthApp.objects.get()
    assert client_credentials(app).client_secret == secret
    event = AuditEvent.objects.get(action="oauth_app.created")
    assert (event.actor_kind, event.actor_label, event.target_id) == ("operator", "Olu Operator", str(app.pk))


def test_the_page_of_an_oauth_app_never_holds_its_secret(set_up: Callable[..., OAuthApp], operator: Client) -> None:
    app = set_up("github")
    secret = client_credentials(app).client_secret or ""
    for url in (change_url(app), reverse("admin:integrations_oauthapp_changelist")):
        html = operator.get(url).content.decode()
        assert secret not in html
        assert secret[-4:] not in html.partition("id_secret")[2].partition("</div>")[0]
    assert "A secret is stored. Leave empty to keep it." in operator.get(change_url(app)).content.decode()


def test_a_refused_form_does_not_give_the_typed_secret_back(loaded: None, operator: Client) -> None:
    secret = secrets.token_urlsafe(24)
    response = operator.post(ADD, sent(client_id="", secret=secret))
    assert response.status_code == 200
    assert secret not in response.content.decode()


def test_the_history_names_fields_and_holds_no_secret(set_up: Callable[..., OAuthApp], operator: Client) -> None:
    app = set_up("github")
    before, after = client_credentials(app).client_secret or "", secrets.token_urlsafe(24)
    operator.post(change_url(app), sent(secret=after))
    entry = LogEntry.objects.get()
    assert "client secret" in entry.change_message.lower()
    for secret in (before, after):
        assert secret not in f"{entry.change_message} {entry.object_repr}"
        assert secret not in str(list(AuditEvent.objects.values_list("detail", "target_label")))
    history = reverse("admin:integrations_oauthapp_history", args=[app.pk])
    assert after not in operator.get(history).content.decode()


def test_an_empty_secret_keeps_the_stored_one(set_up: Callable[..., OAuthApp], operator: Client) -> None:
    app = set_up("github")
    before = client_credentials(app).client_secret
    operator.post(change_url(app), sent(client_id="new-id", secret=""))
    app = OAuthApp.objects.get()
    assert (app.client_id, client_credentials(app).client_secret) == ("new-id", before)


def test_a_service_with_client_secrets_requires_one(loaded: None, operator: Client) -> None:
    html = operator.post(ADD, sent()).content.decode()
    assert "Enter the client secret that GitHub issued." in html
    assert not OAuthApp.objects.exists()


def test_a_second_oauth_app_of_a_service_is_rejected_with_a_message(
    set_up: Callable[..., OAuthApp], operator: Client
) -> None:
    set_up("github")
    html = operator.post(ADD, sent(secret="s")).content.decode()
    assert "This integration already has an OAuth app for every team" in html
    assert OAuthApp.objects.count() == 1


@pytest.mark.parametrize(
    ("origin", "sentence"),
    [("", "Enter Origin, such as"), ("http://evil.example/x", "Origin must look like"), ("7", "Origin must look like")],
)
def test_unfit_parameters_are_refused_beside_the_field(
    loaded: None, operator: Client, origin: str, sentence: str
) -> None:
    html = operator.post(ADD, sent("sandbox", secret="s", param_origin=origin)).content.decode()
    assert sentence in html.partition('id="id_param_origin"')[0].rpartition("field-param_origin")[2]
    assert not OAuthApp.objects.exists()


def test_parameters_are_fields_with_label_and_example(loaded: None, operator: Client) -> None:
    sandbox = Integration.objects.get(slug="sandbox")
    html = operator.get(ADD, {"integration": str(sandbox.pk)}).content.decode()
    assert "Where the sandbox runs: scheme, host and port. For example http://127.0.0.1:8100." in html
    operator.post(ADD, sent("sandbox", secret="s", param_origin="https://sandbox.example"))
    assert OAuthApp.objects.get().params == {"origin": "https://sandbox.example"}


def test_limits_and_overrides_are_stored_shown_again_and_kept_by_other_changes(loaded: None, operator: Client) -> None:
    advanced = {
        "scopes_allowed": "repo\r\nread:user",
        "extra_scopes": "copilot",
        "pkce": "off",
        "token_endpoint_auth_method": "client_secret_basic",
        "authorization_params": "prompt=select_account\r\nlogin=",
        "token_params": "audience = x=y",
    }
    operator.post(ADD, sent(secret="s", **advanced))
    app = OAuthApp.objects.get()
    assert app.scopes_allowed == ["repo", "read:user"]
    assert app.overrides == {
        "pkce": False,
        "token_endpoint_auth_method": "client_secret_basic",
        "extra_scopes": ["copilot"],
        "authorization_params": {"prompt": "select_account", "login": ""},
        "token_params": {"audience": "x=y"},
    }
    html = operator.get(change_url(app)).content.decode()
    assert "prompt=select_account" in html
    assert '<option value="off" selected>' in html
    assert AuditEvent.objects.get(action="oauth_app.created").detail["fields"] == [
        "client_id", "scopes_allowed", "overrides", "client_secret",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"),
    [("authorization_params", "state=x"), ("token_params", "client_secret=x"), ("extra_scopes", 'a"b')],
)
def test_overrides_that_must_not_be_are_refused(loaded: None, operator: Client, field: str, value: str) -> None:
    response = operator.post(ADD, sent(secret="s", **{field: value}))
    assert "errorlist" in response.content.decode()
    assert not OAuthApp.objects.exists()


def test_a_public_client_needs_no_secret(loaded: None, operator: Client) -> None:
    assert operator.post(ADD, sent(token_endpoint_auth_method="none")).status_code == 302


def test_the_list_warns_of_expiring_secrets_and_counts_connections(
    set_up: Callable[..., OAuthApp], connect: Callable[..., Connection], owner: Membership, operator: Client
) -> None:
    app = set_up("github")
    connect(owner, "github")
    OAuthApp.objects.update(secret_expires_on=timezone.now().date() + timedelta(days=12))
    html = operator.get(reverse("admin:integrations_oauthapp_changelist")).content.decode()
    assert "in 12 days" in html.partition("status--warn")[2]
    assert f"?oauth_app__id__exact={app.pk}" in html
    assert ">1</a>" in html.partition('data-label="Connections"')[2]


def test_the_form_shows_the_redirect_uri_and_the_console(loaded: None, operator: Client) -> None:
    github = Integration.objects.get(slug="github")
    html = operator.get(ADD, {"integration": str(github.pk)}).content.decode()
    assert '<code id="redirect-uri">http://127.0.0.1:8000/oauth/callback</code>' in html
    assert "https://github.com/settings/developers" in html
    assert f'<option value="{github.pk}" selected>' in html
    assert operator.get(ADD, {"integration": "nonsense"}).status_code == 200


def test_a_broken_app_is_shown_as_refused(set_up: Callable[..., OAuthApp], operator: Client) -> None:
    app = set_up("github")
    mark_oauth_app_broken(oauth_app=app, code="invalid_client")
    assert "Rejected by the service" in operator.get(change_url(app)).content.decode()


def test_an_oauth_app_with_connections_cannot_be_deleted_and_one_without_can(
    set_up: Callable[..., OAuthApp], connect: Callable[..., Connection], owner: Membership, operator: Client
) -> None:
    app = set_up("github")
    connection = connect(owner, "github")
    url = reverse("admin:integrations_oauthapp_delete", args=[app.pk])
    for response in (operator.get(url, follow=True), operator.post(url, {"post": "yes"}, follow=True)):
        assert "is used by 1 connection, which could not be refreshed or revoked" in response.content.decode()
    assert OAuthApp.objects.exists()
    connection.delete()
    operator.post(url, {"post": "yes"})
    assert not OAuthApp.objects.exists()
    assert AuditEvent.objects.filter(action="oauth_app.deleted", actor_kind="operator").exists()


def test_many_cannot_be_deleted_at_once(set_up: Callable[..., OAuthApp], operator: Client) -> None:
    app = set_up("github")
    operator.post(
        reverse("admin:integrations_oauthapp_changelist"),
        {"action": "delete_selected", "_selected_action": str(app.pk), "post": "yes"},
    )
    assert OAuthApp.objects.exists()


def test_an_operator_switches_a_service_off_and_on(loaded: None, operator: Client) -> None:
    slack = Integration.objects.get(slug="slack")
    operator.post(reverse("admin:integrations_integration_change", args=[slack.pk]), {})
    slack.refresh_from_db()
    assert not slack.is_enabled
    operator.post(
        reverse("admin:integrations_integration_changelist"), {"action": "switch_on", "_selected_action": str(slack.pk)}
    )
    slack.refresh_from_db()
    assert slack.is_enabled
    actions = AuditEvent.objects.filter(target_id=str(slack.pk)).order_by("pk").values_list("action", "actor_kind")
    assert list(actions) == [("integration.disabled", "operator"), ("integration.enabled", "operator")]


@pytest.mark.parametrize(("choice", "listed"), [("yes", ["GitHub"]), ("no", ["Slack"]), ("", ["GitHub", "Slack"])])
def test_services_are_filtered_by_whether_they_are_set_up(
    set_up: Callable[..., OAuthApp], operator: Client, choice: str, listed: list[str]
) -> None:
    set_up("github")
    html = operator.get(reverse("admin:integrations_integration_changelist"), {"oauth_app": choice}).content.decode()
    assert [name for name in ("GitHub", "Slack") if f"<span>{name}<span" in html] == listed


def test_services_are_neither_added_nor_deleted_by_hand(loaded: None, operator: Client) -> None:
    slack = Integration.objects.get(slug="slack")
    assert operator.get(reverse("admin:integrations_integration_add")).status_code == 403
    assert operator.post(reverse("admin:integrations_integration_delete", args=[slack.pk])).status_code == 403


def test_members_and_owners_of_teams_are_not_let_in(set_up: Callable[..., OAuthApp], owner: Membership) -> None:
    app = set_up("github")
    for url in (ADD, change_url(app), reverse("admin:integrations_integration_changelist")):
        assert client_for(owner).get(url).status_code in (302, 403, 404)
