"""Loading the catalog, and keeping OAuth apps with an audit event for each change."""

import re
import secrets
from collections.abc import Callable
from datetime import date
from types import MappingProxyType
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.audit.models import AuditEvent
from apps.audit.origin import Origin
from apps.connections.models import Connection
from apps.errors import NotFound
from apps.integrations.catalog import sync as loading
from apps.integrations.catalog.entries import catalog
from apps.integrations.catalog.errors import CatalogError
from apps.integrations.catalog.sync import load_catalog, set_enabled
from apps.integrations.errors import IntegrationMisconfigured, InvalidInput, OAuthAppInUse
from apps.integrations.management.commands import load_catalog as command
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.oauth_apps.services import (
    client_credentials,
    delete_oauth_app,
    ensure_oauth_app,
    mark_oauth_app_broken,
    oauth_app_for,
    save_oauth_app,
)
from apps.teams.models import Membership
from tests.fixtures.integrations import ORIGIN

OPERATOR = Origin(kind="operator", id="1", label="Olu Operator")


def events(action: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action=action).order_by("pk"))


# --- the catalog ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_loading_twice_changes_nothing_the_second_time() -> None:
    assert set(load_catalog().created) == set(catalog())
    before = list(Integration.objects.order_by("pk").values())
    assert load_catalog() == loading.Loaded((), (), ())
    assert list(Integration.objects.order_by("pk").values()) == before


def test_a_row_follows_its_file(loaded: None) -> None:
    Integration.objects.filter(slug="github").update(name="Old name", category="other")
    assert load_catalog().changed == ("github",)
    assert Integration.objects.get(slug="github").name == "GitHub"


def test_a_row_whose_file_vanished_is_disabled_and_kept(loaded: None, monkeypatch: pytest.MonkeyPatch) -> None:
    without = MappingProxyType({slug: entry for slug, entry in catalog().items() if slug != "slack"})
    monkeypatch.setattr(loading, "catalog", lambda: without)
    assert load_catalog().disabled == ("slack",)
    assert not Integration.objects.get(slug="slack").is_enabled
    assert load_catalog().disabled == ()
    assert [event.actor_kind for event in events("integration.disabled")] == ["system"]


def test_a_service_that_an_operator_switched_off_stays_off(loaded: None) -> None:
    slack = Integration.objects.get(slug="slack")
    set_enabled(origin=OPERATOR, integration=slack, is_enabled=False)
    load_catalog()
    slack.refresh_from_db()
    assert not slack.is_enabled


def test_a_teams_own_integration_is_not_touched(owner: Membership, loaded: None) -> None:
    own = Integration.objects.create(slug="github", name="Our GitHub", team=owner.team, category="custom")
    load_catalog()
    own.refresh_from_db()
    assert (own.name, own.is_enabled) == ("Our GitHub", True)


@pytest.mark.django_db
def test_the_load_command_prints_its_changes(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("load_catalog")
    assert re.search(r"^created: .*github, gitlab, gmail,", capsys.readouterr().out)
    call_command("load_catalog")
    assert capsys.readouterr().out == "The catalog is up to date.\n"


def test_the_command_names_file_and_key_of_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise CatalogError("acme.toml", "kind", "must be one of oauth2")

    monkeypatch.setattr(command, "load_catalog", broken)
    with pytest.raises(CommandError, match=r"acme\.toml: kind: must be one of oauth2"):
        call_command("load_catalog")


# --- OAuth apps -------------------------------------------------------------------------------------------------------


def test_the_teams_own_oauth_app_wins_over_the_operators(
    set_up: Callable[..., OAuthApp], owner: Membership, stranger: Membership
) -> None:
    operators = set_up("github")
    own = save_oauth_app(
        origin=OPERATOR, integration=operators.integration, team=owner.team, client_id="own", client_secret="s"
    )
    assert oauth_app_for(owner.team, operators.integration) == own
    assert oauth_app_for(stranger.team, operators.integration) == operators
    assert oauth_app_for(None, operators.integration) == operators
    assert oauth_app_for(owner.team, Integration.objects.get(slug="slack")) is None


def test_saving_stores_the_secret_sealed_and_audits_names_of_fields_only(loaded: None) -> None:
    secret = secrets.token_urlsafe(24)
    github = Integration.objects.get(slug="github")
    app = save_oauth_app(origin=OPERATOR, integration=github, client_id="id", client_secret=secret)
    assert client_credentials(OAuthApp.objects.get(pk=app.pk)).client_secret == secret
    (event,) = events("oauth_app.created")
    assert (event.actor_kind, event.integration, event.target_id) == ("operator", "github", str(app.pk))
    assert event.detail == {"fields": ["client_id", "client_secret"]}
    assert secret not in str(AuditEvent.objects.values_list())


def test_saving_without_a_secret_keeps_the_stored_one(set_up: Callable[..., OAuthApp]) -> None:
    app = set_up("github")
    before = client_credentials(app).client_secret
    saved = save_oauth_app(
        origin=OPERATOR, integration=app.integration, client_id=app.client_id, secret_expires_on=date(2027, 5, 1)
    )
    assert (saved.pk, client_credentials(saved).client_secret) == (app.pk, before)
    assert events("oauth_app.changed")[0].detail == {"fields": ["secret_expires_on"]}


def test_saving_the_same_again_is_no_change(set_up: Callable[..., OAuthApp]) -> None:
    app = set_up("sandbox", origin=ORIGIN)
    secret = client_credentials(app).client_secret or ""
    before = OAuthApp.objects.values("updated_at", "data_key", "client_id").get()
    ensure_oauth_app(
        integration_slug="sandbox", client_id=app.client_id, client_secret=secret, params={"origin": ORIGIN}
    )
    assert OAuthApp.objects.values("updated_at", "data_key", "client_id").get() == before
    assert events("oauth_app.changed") == []


def test_an_unfit_parameter_is_refused_and_nothing_is_stored(loaded: None) -> None:
    for params in ({}, {"origin": "http://evil.example/x"}, {"origin": ORIGIN, "tenant": "x"}):
        with pytest.raises(InvalidInput):
            ensure_oauth_app(integration_slug="sandbox", client_id="id", client_secret="s", params=params)
    assert not OAuthApp.objects.exists()
    assert not AuditEvent.objects.filter(action__startswith="oauth_app").exists()


@pytest.mark.django_db
def test_an_oauth_app_of_an_unknown_service_is_refused() -> None:
    with pytest.raises(NotFound, match="load_catalog"):
        ensure_oauth_app(integration_slug="sandbox", client_id="id", client_secret="s")


def test_only_the_first_refusal_marks_the_app_broken(set_up: Callable[..., OAuthApp]) -> None:
    app = set_up("github")
    other = OAuthApp.objects.get(pk=app.pk)
    assert mark_oauth_app_broken(oauth_app=app, code="invalid_client")
    assert not mark_oauth_app_broken(oauth_app=other, code="invalid_client")
    app.refresh_from_db()
    assert (app.broken_code, app.broken_since is not None) == ("invalid_client", True)
    assert [event.detail for event in events("oauth_app.broken")] == [{"code": "invalid_client"}]


@pytest.mark.parametrize("change", [{"client_id": "new"}, {"client_secret": "new"}])
def test_a_new_id_or_secret_clears_the_broken_state(set_up: Callable[..., OAuthApp], change: dict[str, str]) -> None:
    app = set_up("github")
    mark_oauth_app_broken(oauth_app=app, code="invalid_client")
    values: dict[str, Any] = {"client_id": app.client_id} | change
    saved = save_oauth_app(origin=OPERATOR, integration=app.integration, **values)
    saved.refresh_from_db()
    assert (saved.broken_since, saved.broken_code) == (None, "")


def test_a_new_expiry_date_does_not_make_a_broken_app_work(set_up: Callable[..., OAuthApp]) -> None:
    app = set_up("github")
    mark_oauth_app_broken(oauth_app=app, code="invalid_client")
    saved = save_oauth_app(
        origin=OPERATOR, integration=app.integration, client_id=app.client_id, secret_expires_on=date(2027, 5, 1)
    )
    assert saved.broken_since is not None


def test_a_refusal_of_the_values_before_does_not_break_the_new_ones(set_up: Callable[..., OAuthApp]) -> None:
    app = set_up("github")
    as_it_was = OAuthApp.objects.get(pk=app.pk)
    save_oauth_app(origin=OPERATOR, integration=app.integration, client_id="new", client_secret="new")
    assert not mark_oauth_app_broken(oauth_app=as_it_was, code="invalid_client")


def test_an_oauth_app_with_connections_is_not_deleted(
    set_up: Callable[..., OAuthApp], connect: Callable[..., Connection], owner: Membership
) -> None:
    app = set_up("github")
    connection = connect(owner, "github")
    with pytest.raises(OAuthAppInUse, match="is used by 1 connection, which could not be refreshed or revoked"):
        delete_oauth_app(origin=OPERATOR, oauth_app=app)
    connection.delete()
    delete_oauth_app(origin=OPERATOR, oauth_app=app)
    assert not OAuthApp.objects.exists()
    assert [event.target_label for event in events("oauth_app.deleted")] == ["GitHub (every team)"]


def test_a_connection_without_oauth_app_is_the_operators_matter() -> None:
    with pytest.raises(IntegrationMisconfigured):
        client_credentials(None)
