"""A connection's page: what each level sees of it, in which words, and what can be done there."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.connections.models import Connection, DailyUse, Level, ScopeUse, TokenSet, WorkflowUse
from apps.connections.policy.promises import PROMISES
from apps.connections.services import tokens
from apps.connections.services.share import rename, share
from apps.integrations.catalog.sync import load_catalog
from apps.integrations.models import Integration
from apps.teams.models import Membership, Role
from tests.connections.pages import JSON, make_connection, make_red, set_up_service
from tests.factories import actor_for, client_for, make_member

pytestmark = pytest.mark.django_db
TABS = ["connection", "permissions", "sharing", "activity"]


@pytest.fixture
def connection(mara: Membership) -> Connection:
    return make_connection(mara, set_up_service(), "Fernhill Support", account_subject="T04FH21QK")


def url(connection: Connection, name: str = "connection") -> str:
    return reverse(f"connections:{name}", args=[connection.pk])


def shown(browser: Client, connection: Connection, name: str = "connection", **query: Any) -> str:
    answer = browser.get(url(connection, name), query)
    assert answer.status_code == 200, answer.status_code
    return re.sub(r"\s+", " ", answer.content.decode())


def share_by_name(mara: Membership, connection: Connection, whom: Membership, level: str) -> None:
    share(actor=actor_for(mara), connection=connection, everyone=None, members={whom.user_id: Level(level)})


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (None, [404, 404, 404, 404]),
        ("use", [200, 404, 404, 404]),
        ("view", [200, 200, 200, 200]),
        ("manage", [200, 200, 200, 200]),
    ],
)
def test_each_tab_requires_its_level(mara, ines, connection, level, expected) -> None:
    if level:
        share_by_name(mara, connection, ines, level)
    browser = client_for(ines)
    assert [browser.get(url(connection, tab)).status_code for tab in TABS] == expected


def test_the_level_use_shows_name_account_and_status_only(mara, ines, connection) -> None:
    share_by_name(mara, connection, ines, "use")
    WorkflowUse.objects.create(connection=connection, workflow_id="w", name="Of others", last_used_at=timezone.now())
    page = shown(client_for(ines), connection)
    for there in ("Fernhill Support", "Working", "Mara Lindqvist", "Use only"):
        assert there in page
    for hidden in ("T04FH21QK", "Of others", "Token expires", "Next refresh", "Disconnect…", "Rename", "tabs"):
        assert hidden not in page


def test_the_level_view_shows_the_settings_without_actions(mara, ines, connection) -> None:
    share_by_name(mara, connection, ines, "view")
    browser = client_for(ines)
    page = shown(browser, connection)
    assert "T04FH21QK" in page
    assert "Token expires" in page
    for tab in TABS:
        page = shown(browser, connection, tab)
        assert "Disconnect…" not in page
        assert "Save sharing" not in page
        assert "btn--primary" not in page
    assert browser.post(url(connection, "rename"), {"name": "Taken"}).status_code == 403
    assert browser.post(url(connection, "sharing"), {"shared": "on", "level": "manage"}).status_code == 403
    assert Connection.objects.get().name == "Fernhill Support"


def test_the_overview_shows_last_use_and_workflows(mara, connection) -> None:
    now = timezone.now()
    WorkflowUse.objects.create(connection=connection, workflow_id="w-1", name="Refund approval", last_used_at=now)
    DailyUse.objects.create(connection=connection, day=now.date(), calls=300, failures=3)
    DailyUse.objects.create(connection=connection, day=now.date() - timedelta(days=29), calls=7)
    DailyUse.objects.create(connection=connection, day=now.date() - timedelta(days=30), calls=1000)
    page = shown(client_for(mara), connection)
    assert "Refund approval" in page
    assert "<dd> 307 </dd>" in page
    assert 'role="img" aria-label="Calls per day: 307 in total, 300 on' in page
    assert page.count('<rect class="hit"') == 30
    assert page.count('<rect class="failures"') == 1
    assert "1.0 %" in page
    assert "Show as table" in page


def test_a_connection_that_needs_attention_shows_reason_and_fix(mara, ines, connection) -> None:
    make_red(connection)
    page = shown(client_for(mara), connection)
    assert "Sandbox no longer accepts this connection." in page
    assert re.search(r'formaction="[^"]*/reconnect/" data-connect>Reconnect<', page)
    share_by_name(mara, connection, ines, "view")
    page = shown(client_for(ines), connection)
    assert "Sandbox no longer accepts this connection." in page
    assert "data-connect>" not in page


def test_a_handed_over_connection_shows_whose_grant_it_is(mara, ines, connection) -> None:
    browser = client_for(mara)
    assert "Mara Lindqvist can no longer use it" in shown(browser, connection, "hand_over")
    assert browser.post(url(connection, "hand_over"), {"owner": str(ines.user_id)}).status_code == 302
    assert browser.get(url(connection)).status_code == 404
    page = shown(client_for(ines), connection)
    assert "Handed over by Mara Lindqvist." in page
    assert "with the account of Mara Lindqvist, until its new owner reconnects it" in page


def test_handing_over_requires_a_member_of_the_team(mara, ines, connection) -> None:
    for wrong in ("", "x", str(make_member().user_id), str(mara.user_id)):
        assert client_for(mara).post(url(connection, "hand_over"), {"owner": wrong}).status_code == 400
    assert Connection.objects.get().owner == mara.user


def test_renaming_in_place(mara, connection) -> None:
    browser = client_for(mara)
    answer = browser.post(url(connection, "rename"), {"name": "  Support desk "})
    assert answer["Location"] == url(connection)
    assert "Support desk" in shown(browser, connection)
    refused = browser.post(url(connection, "rename"), {"name": " "})
    assert refused.status_code == 400
    assert "Enter a name of one line" in refused.content.decode()


def test_refreshing_redirects_back_and_never_to_another_site(mara, connection, monkeypatch) -> None:
    from apps.connections.views import actions

    monkeypatch.setattr(actions, "refresh_now", lambda connection, actor: connection)
    browser, address = client_for(mara), url(connection, "refresh")
    assert browser.post(address, {"return_path": url(connection)})["Location"] == url(connection)
    assert browser.post(address, {"return_path": "//evil.example"})["Location"] == reverse("connections:list")


# --- permissions ------------------------------------------------------------------------------------------------------


def permissions_page(browser: Client, connection: Connection) -> dict[str, str]:
    """The page's parts by their heading."""
    parts = re.split(r'<h2 id="(\w+)">', shown(browser, connection, "permissions"))[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_granted_missing_and_unused_scopes_are_listed_separately(mara, connection) -> None:
    Connection.objects.update(
        scopes_requested=["profile", "messages:read", "messages:write"],
        scopes_granted=["profile", "messages:read", "admin"],
        created_at=timezone.now() - timedelta(days=200),
    )
    ScopeUse.objects.create(connection=connection, scope="profile", last_used_at=timezone.now())
    parts = permissions_page(client_for(mara), connection)
    assert "messages:write" in parts["missing"]
    assert "Requested, not granted." in parts["missing"]
    assert "profile" in parts["granted"].split("</section>")[0]
    unneeded = parts["unneeded"].split("</section>")[0]
    assert "Granted, though it was not requested." in unneeded
    assert "No call has needed it for 90 days." in unneeded
    assert 'name="scopes" value="profile"' in unneeded
    assert 'name="scopes" value="messages:read"' not in unneeded


def test_no_scope_counts_as_unused_before_calls_name_scopes(mara, connection) -> None:
    Connection.objects.update(created_at=timezone.now() - timedelta(days=200))
    parts = permissions_page(client_for(mara), connection)
    assert "unneeded" not in parts
    assert "does not know which of these permissions are needed" in parts["granted"]


def test_the_scopes_of_a_call_are_stored(mara, connection) -> None:
    tokens.issue_token(connection=connection, actor=actor_for(mara), scopes=("profile",))
    tokens.issue_token(connection=connection, actor=actor_for(mara), scopes=("profile",))
    assert [row.scope for row in ScopeUse.objects.all()] == ["profile"]


def asked_of(browser: Client, connection: Connection, data: dict[str, Any]) -> list[str]:
    answer = browser.post(url(connection, "reconnect"), data, headers=JSON).json()
    found = re.search(r"scope=([^&]*)", answer["authorization_url"])
    assert found
    return re.split(r"\+|%20", found[1].replace("%3A", ":"))


def test_reconnect_requests_added_or_exactly_the_selected_scopes(mara, connection) -> None:
    Connection.objects.update(scopes_requested=["profile", "messages:read"])
    browser = client_for(mara)
    assert asked_of(browser, connection, {"scopes": "messages:write"}) == ["profile", "messages:read", "messages:write"]
    narrower = {"scopes": "profile", "exactly": "yes", "instead_of": ""}
    assert asked_of(browser, connection, narrower) == ["profile"]


def test_exactly_refuses_scopes_that_are_neither_offered_nor_granted(mara, connection) -> None:
    answer = client_for(mara).post(url(connection, "reconnect"), {"exactly": "1", "scopes": "root"}, headers=JSON)
    assert answer.status_code == 400


# --- activity ---------------------------------------------------------------------------------------------------------


def test_the_activity_shows_only_this_connection_in_pages(mara, connection) -> None:
    other = make_connection(mara, connection.integration, "Another")
    for number in range(35):
        rename(actor=actor_for(mara), connection=connection, name=f"Name {number}")
    rename(actor=actor_for(mara), connection=other, name="Elsewhere")
    browser = client_for(mara)
    page = shown(browser, connection, "activity")
    assert page.count('id="event-') == 30
    assert "Before: Name 33" in page
    assert "Another" not in page
    older = re.search(r'href="\?before=(\d+)"', page)
    assert older
    assert shown(browser, connection, "activity", before=older[1]).count('id="event-') == 5
    for nonsense in ("x", "-1", "9" * 40):
        assert "Newest" not in shown(browser, connection, "activity", before=nonsense)


def test_the_activity_shows_no_addresses_of_others(mara, ines, connection) -> None:
    share_by_name(mara, connection, ines, "view")
    AuditEvent.objects.create(
        occurred_at=timezone.now(),
        team_id=mara.team_id,
        actor_kind="user",
        actor_label="Mara Lindqvist",
        action="token.handed_out",
        target_type="connection",
        target_id=str(connection.pk),
        ip="81.2.69.160",
    )
    page = shown(client_for(ines), connection, "activity")
    assert "Access token read" in page
    assert "81.2.69.160" not in page


def test_no_page_shows_a_token(mara, connection) -> None:
    row = TokenSet.objects.get(connection=connection)
    assert row.access_token is not None
    assert row.refresh_token is not None
    secrets = (row.access_token.reveal(), row.refresh_token.reveal(), row.access_token_fp or "no fingerprint")
    pages = "".join(shown(client_for(mara), connection, tab) for tab in [*TABS, "hand_over", "rename"])
    assert not [secret for secret in secrets if secret in pages]


def test_an_admin_sees_a_personal_connection_and_cannot_share_it(mara, connection) -> None:
    admin = client_for(make_member(mara.team, Role.ADMIN))
    page = shown(admin, connection, "sharing")
    assert "Only its owner can use or share it" in page
    assert "Save sharing" not in page
    assert admin.post(url(connection, "sharing"), {"shared": "on", "level": "use"}).status_code == 403
    assert admin.post(url(connection, "hand_over"), {"owner": str(mara.user_id)}).status_code == 403


def test_the_page_opens_also_without_what_the_oauth_app_needs(mara: Membership) -> None:
    """A value that the app lacks, no app at all, or a service that the catalog no longer has."""
    load_catalog()
    with_domain = Integration.objects.get(slug="auth0", team=None)
    connection = make_connection(mara, set_up_service(), "Directory")
    Connection.objects.filter(pk=connection.pk).update(integration=with_domain, oauth_app=None)
    for tab in TABS:
        shown(client_for(mara), connection, tab)
    Integration.objects.filter(pk=with_domain.pk).update(slug="left-the-catalog")
    shown(client_for(mara), connection)


def test_the_chart_has_the_chosen_period_and_names_the_worst_day(mara: Membership, connection: Connection) -> None:
    today = timezone.now().date()
    for ago, failures in ((3, 2), (40, 7), (95, 50)):
        day = today - timedelta(days=ago)
        DailyUse.objects.create(connection=connection, day=day, calls=70, failures=failures)
    browser = client_for(mara)
    page = shown(browser, connection)
    assert "Calls, last 30 days" in page
    assert "2 of 70 calls failed (2.9 %)" in page
    assert f"since={today - timedelta(days=3)}&amp;until={today - timedelta(days=3)}" in page
    assert "7 of 70 calls failed (10.0 %)" in shown(browser, connection, days="90")
    assert "Worst day" in shown(browser, connection, days="7")
    assert "Calls, last 30 days" in shown(browser, connection, days="100000")


def test_the_page_says_who_can_use_the_connection_and_its_id(mara, ines, connection) -> None:
    page = shown(client_for(mara), connection)
    assert str(PROMISES["personal"]) in page
    assert str(PROMISES["secret"]).replace("'", "&#x27;") in page
    assert str(connection.pk) in page.split("<dt>ID</dt>")[1]
    share_by_name(mara, connection, ines, "use")
    assert str(PROMISES["members"]) in shown(client_for(mara), connection)
    share(actor=actor_for(mara), connection=connection, everyone=Level.USE, members={})
    assert str(PROMISES["everyone"]) in shown(client_for(mara), connection)
