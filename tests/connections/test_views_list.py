"""Settings → Integrations: who sees what, in which words, and what can be done with a row."""

import re
from uuid import uuid4

import pytest
import responses
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.connections.models import Connection, TokenSet, WorkflowUse
from apps.integrations.catalog.sync import load_catalog
from apps.integrations.models import Integration, OAuthApp
from apps.teams.models import Role
from tests.connections.pages import make_connection, make_red, set_up_service, share
from tests.factories import client_for, make_member

pytestmark = pytest.mark.django_db
LIST = reverse("connections:list")
ACTIONS = ["refresh", "reconnect", "disconnect"]


def shown(browser: Client, **query: str) -> str:
    answer = browser.get(LIST, query)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def test_an_empty_list_shows_how_to_start() -> None:
    load_catalog()
    set_up_service()
    page = shown(client_for(make_member()))
    assert "Connect Sandbox" in page
    assert page.count('class="card"') == 3


def test_a_member_sees_own_and_shared_connections_only() -> None:
    mara, service = make_member(), set_up_service()
    make_connection(mara, service, "of-mara-alone")
    share(make_connection(mara, service, "of-everybody"))
    page = shown(client_for(make_member(mara.team)))
    assert "of-everybody" in page
    assert "Shared · use only" in page
    assert "of-mara-alone" not in page
    assert "of-everybody" not in shown(client_for(make_member(role=Role.OWNER)))


def test_connections_without_the_level_manage_have_no_buttons() -> None:
    mara, service = make_member(), set_up_service()
    connection = make_connection(mara, service)
    share(connection, level="view")
    assert str(connection.pk) + "/disconnect" not in shown(client_for(make_member(mara.team)))
    assert str(connection.pk) + "/disconnect" in shown(client_for(mara))


def test_connections_that_need_attention_come_first_with_reason_and_fix() -> None:
    me, service = make_member(), set_up_service()
    make_connection(me, service, "A works")
    make_red(make_connection(me, service, "Z is refused"))
    page = shown(client_for(me))
    listed = page.partition('id="connections"')[2]  # without the first steps, which name the first connection
    assert listed.index("Z is refused") < listed.index("A works")
    assert "Sandbox no longer accepts this connection." in page
    assert "Refresh stopped" in page
    assert "1</span> needs attention" in page


def test_an_oauth_app_failure_asks_no_one_to_reconnect() -> None:
    me = make_member()
    make_red(make_connection(me, set_up_service()), "integration_misconfigured")
    OAuthApp.objects.update(broken_since=timezone.now())
    page = shown(client_for(me))
    assert "do not need to reconnect" in page
    assert "btn--primary btn--sm" not in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"next_refresh_at": None, "expires_at": None, "refresh_token": None}, "Never expires"),
        ({"next_refresh_at": None, "refresh_token": None}, "Expires"),
        ({}, "Refreshes"),
    ],
)
def test_the_next_refresh_is_shown(fields: dict[str, object], words: str) -> None:
    me = make_member()
    make_connection(me, set_up_service())
    TokenSet.objects.update(**fields)
    assert f'<span class="sub">{words}' in shown(client_for(me))


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"search": "ADA"}, {"Ada"}),
        ({"search": "sandbox"}, {"Ada", "Grace", "Linus"}),
        ({"search": "nightly"}, {"Grace"}),
        ({"status": "needs_attention"}, {"Grace"}),
        ({"owner": "me"}, {"Ada", "Grace"}),
        ({"sharing": "shared"}, {"Linus"}),
        ({"search": "ada", "sharing": "shared"}, set()),
        ({"status": "nonsense", "owner": "unknown"}, {"Ada", "Grace", "Linus"}),
    ],
)
def test_filters_narrow_the_list(query: dict[str, str], names: set[str]) -> None:
    me, service = make_member(), set_up_service()
    make_connection(me, service, "Ada")
    grace = make_connection(me, service, "Grace")
    make_red(grace)
    WorkflowUse.objects.create(connection=grace, workflow_id="w1", name="Nightly export", last_used_at=timezone.now())
    share(make_connection(make_member(me.team), service, "Linus"))
    page = shown(client_for(me), **query)
    assert {name for name in ("Ada", "Grace", "Linus") if f'">{name}</a>' in page} == names
    assert ("Clear filters" in page) == (not names)


def test_the_number_of_queries_does_not_grow_with_the_rows() -> None:
    me, service = make_member(), set_up_service()
    browser = client_for(me)

    def queries_with(count: int) -> int:
        for number in range(Connection.objects.count(), count):
            share(make_connection(me if number % 2 else make_member(me.team), service, f"Account {number}"))
        shown(browser)
        with CaptureQueriesContext(
            database,
        ) as captured:
            shown(browser)
        return len(captured)

    assert queries_with(3) == queries_with(30)


def test_htmx_gets_only_the_list() -> None:
    me = make_member()
    make_connection(me, set_up_service())
    fragment = client_for(me).get(LIST, headers={"hx-request": "true"}).content.decode()
    assert "<html" not in fragment
    assert "Ada" in fragment
    assert 'hx-swap-oob="true"' in fragment


def test_a_new_connection_is_marked() -> None:
    me = make_member()
    connection = make_connection(me, set_up_service())
    assert "is-new" in shown(client_for(me), new=str(connection.pk))
    assert "is-new" not in shown(client_for(me))


@pytest.mark.parametrize("action", ACTIONS)
def test_actions_require_the_level_manage(action: str) -> None:
    owner = make_member()
    connection = make_connection(owner, set_up_service())
    url = reverse(f"connections:{action}", args=[connection.pk])
    colleague = client_for(make_member(owner.team))
    stranger = client_for(make_member(role=Role.OWNER))
    with responses.RequestsMock():
        assert stranger.post(url).status_code == 404
        assert colleague.post(url).status_code == 404
        assert colleague.post(reverse(f"connections:{action}", args=[uuid4()])).status_code == 404
        share(connection)
        assert colleague.post(url).status_code == 403
        assert "/accounts/login/" in Client().post(url)["Location"]
        assert client_for(owner, enforce_csrf_checks=True).post(url).status_code == 403
    assert Connection.objects.filter(pk=connection.pk, status="active").exists()


@pytest.mark.parametrize("action", ["refresh", "reconnect"])
def test_actions_need_a_post(action: str) -> None:
    me = make_member()
    connection = make_connection(me, set_up_service())
    assert client_for(me).get(reverse(f"connections:{action}", args=[connection.pk])).status_code == 405
    assert client_for(me).get(reverse("connections:refresh_selected")).status_code == 405


def refused_by_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    from apps.connections.errors import ReauthorizationRequired
    from apps.connections.views import actions

    def refuse(**_: object) -> None:
        raise ReauthorizationRequired("Sandbox no longer accepts this connection.")

    monkeypatch.setattr(actions, "refresh_now", refuse)


def test_a_refused_refresh_offers_the_reconnect(monkeypatch: pytest.MonkeyPatch) -> None:
    me = make_member()
    connection = make_connection(me, set_up_service())
    refused_by_the_service(monkeypatch)
    url = reverse("connections:refresh", args=[connection.pk])
    fragment = client_for(me).post(url, headers={"hx-request": "true"}).content.decode()
    assert "no longer accepts" in fragment
    assert reverse("connections:reconnect", args=[connection.pk]) in fragment
    assert "autofocus" in fragment
    browser = client_for(me)
    assert browser.post(url)["Location"] == LIST
    assert "no longer accepts this connection" in shown(browser)


def test_refreshing_the_selection_skips_unmanageable_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    from apps.connections.views import actions

    owner, service = make_member(), set_up_service()
    theirs = make_connection(owner, service, "theirs")
    share(theirs)
    me = make_member(owner.team)
    mine = make_connection(me, service, "mine")
    refreshed: list[str] = []
    monkeypatch.setattr(actions, "refresh_now", lambda connection, actor: refreshed.append(connection.name))
    browser = client_for(me)
    url = reverse("connections:refresh_selected")
    browser.post(url, {"id": [str(mine.pk)]})
    browser.post(url, {"id": [str(mine.pk), str(theirs.pk)]})
    browser.post(url, {"id": []})
    assert refreshed == ["mine"]
    assert "Select at least one connection." in shown(browser)


def test_the_question_names_the_account_and_the_workflows() -> None:
    me = make_member()
    connection = make_connection(me, set_up_service(), "Ada Example")
    WorkflowUse.objects.create(connection=connection, workflow_id="w1", name="Nightly", last_used_at=timezone.now())
    url = reverse("connections:disconnect", args=[connection.pk])
    page = client_for(me).get(url).content.decode()
    assert "Disconnect Ada Example?" in page
    assert "Nightly" in page
    assert "Disconnect and stop 1 workflow" in page
    dialog = client_for(me).get(url, headers={"hx-request": "true"}).content.decode()
    assert dialog.strip().startswith("<dialog")
    # The focus starts on the harmless button.
    assert re.search(r"<button[^>]*autofocus[^>]*>Keep connection", dialog)
    assert Connection.objects.filter(status="active").count() == 1


def test_disconnecting_says_what_was_not_revoked() -> None:
    me = make_member()
    connection = make_connection(me, set_up_service(), "Ada Example")
    # Nothing listens at the service's address, so it confirms nothing.
    page = client_for(me).post(reverse("connections:disconnect", args=[connection.pk])).content.decode()
    assert "Ada Example is disconnected" in page
    assert "Not revoked at Sandbox" in page
    assert not Connection.objects.exists()
    assert not TokenSet.objects.exists()


def test_a_custom_service_is_marked_as_such() -> None:
    me = make_member()
    service = set_up_service()
    make_connection(me, service)
    Integration.objects.filter(pk=service.pk).update(team=me.team)
    assert "Custom API" in shown(client_for(me))
