"""The administration's pages: what the dashboard names, who sees what, filters by text, and bounded queries."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection as database
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.connections.models import AuthorizationAttempt, Connection, QueueHour
from apps.connections.services import queue_history
from apps.connections.services.heartbeat import record_heartbeat
from apps.connections.services.queue_history import KEPT, count_events, sample_queue
from apps.integrations.models import Integration, OAuthApp, ServiceRequest
from apps.teams.models import User
from apps.web import history, parts
from apps.web.parts import Part
from tests.connections.rows import make_connection, make_integration
from tests.factories import make_member, make_user

pytestmark = pytest.mark.django_db

CONNECTIONS = reverse("admin:connections_connection_changelist")
EVENTS = reverse("admin:audit_auditevent_changelist")


def signed_in(*permissions: str, is_superuser: bool = False) -> Client:
    user = make_user("Olu Operator")
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=is_superuser)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    return client


@pytest.fixture
def operator() -> Client:
    return signed_in(is_superuser=True)


def html(client: Client, url: str, **query: Any) -> str:
    response = client.get(url, query)
    assert response.status_code == 200
    return response.content.decode()


def names(client: Client, **query: Any) -> list[str]:
    """The names of the connections that the list shows."""
    return sorted(row.name for row in client.get(CONNECTIONS, query).context["cl"].result_list)


def test_the_dashboard_names_what_waits_for_an_operator(operator: Client) -> None:
    connection = make_connection(make_integration(), status="needs_attention", status_reason="missing_scopes")
    OAuthApp.objects.update(broken_since=timezone.now(), broken_code="invalid_client")
    ServiceRequest.objects.create(
        integration=connection.integration, team=connection.team, user=connection.owner, asked_at=timezone.now()
    )
    page = html(operator, "/admin/")
    assert "The scheduler is not running" in page
    assert f"{connection.integration.name} rejects its OAuth app" in page
    assert "1 connection depends on it." in page
    assert "1 request for a service" in page
    assert f"{CONNECTIONS}?reason=missing_scopes" in page


def test_the_dashboard_says_that_nothing_waits(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    record_heartbeat()
    monkeypatch.setattr("apps.web.dashboard.parts", list)
    assert "Nothing waits for an operator" in html(operator, "/admin/")
    monkeypatch.setattr("apps.web.dashboard.parts", lambda: [Part("Disk of VAR_DIR", "bad", "99 % in use", "full")])
    assert "Disk of VAR_DIR: 99 % in use" in html(operator, "/admin/")


def test_the_administration_is_for_operators(client: Client) -> None:
    client.force_login(make_user("Max Member"))
    for url in ("/admin/", "/admin/health/", CONNECTIONS):
        assert client.get(url).status_code in (302, 403, 404)


def test_the_navigation_has_only_what_an_operator_may_open() -> None:
    page = html(signed_in("view_connection"), "/admin/")
    assert f'href="{CONNECTIONS}"' in page
    assert f'href="{reverse("admin:teams_user_changelist")}"' not in page
    assert reverse("admin:teams_user_changelist") in html(signed_in(is_superuser=True), "/admin/")


def test_connections_are_found_by_service_team_and_owner(operator: Client) -> None:
    for number, name in enumerate(("Slack", "GitHub", "GitHub Enterprise")):
        make_connection(make_integration(slug=f"service-{number}", name=name), name=f"of {name}")
    first = Connection.objects.get(name="of Slack")
    assert names(operator, service="github") == ["of GitHub"]
    assert names(operator, service="ithub") == ["of GitHub", "of GitHub Enterprise"]
    assert names(operator, service="no such service") == []
    assert "of Slack" in names(operator, team=str(first.team_id))
    assert "of Slack" in names(operator, team=first.team.name[1:])
    assert "of Slack" in names(operator, owner=first.owner.email)
    page = html(operator, CONNECTIONS, owner=str(first.owner_id), service="Slack")
    assert f'value="{first.owner}"' in page
    # Each filter keeps the others.
    assert '<input type="hidden" name="service" value="Slack">' in page
    person = html(operator, reverse("admin:teams_user_change", args=[first.owner_id]))
    assert f"{CONNECTIONS}?owner={first.owner_id}" in person
    assert f"{EVENTS}?actor={first.owner_id}" in person


def test_connections_are_filtered_by_state_as_in_the_product(operator: Client) -> None:
    integration = make_integration()
    make_connection(integration, name="green")
    make_connection(integration, name="red", status="needs_attention", status_reason="key_refused")
    assert names(operator, state="needs_attention") == ["red"]
    assert names(operator, reason="key_refused") == ["red"]
    assert names(operator, state="active") == ["green"]
    assert names(operator, state="nonsense") == ["green", "red"]
    assert "Key rejected (1)" in html(operator, CONNECTIONS)


def test_a_list_offers_no_link_for_each_service(operator: Client) -> None:
    for number in range(30):
        make_integration(slug=f"service-{number}", name=f"Service {number}")
    page = html(operator, CONNECTIONS)
    assert page.count("<option value=") == Integration.objects.filter(team=None).count()
    assert page.count("?service=") <= 5


def test_queries_do_not_grow_with_the_rows(operator: Client) -> None:
    def queries(url: str) -> int:
        with CaptureQueriesContext(database) as captured:
            html(operator, url)
        return len(captured)

    urls = ("/admin/", CONNECTIONS, EVENTS, reverse("admin:integrations_oauthapp_changelist"))
    integration = make_integration()
    make_connection(integration)
    few = [queries(url) for url in urls] and [queries(url) for url in urls]
    for number in range(6):
        make_connection(integration, name=f"Account {number}", status="needs_attention", status_reason="key_refused")
    assert [queries(url) for url in urls] == few


def test_lists_count_to_a_limit(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    integration = make_integration()
    for number in range(4):
        make_connection(integration, name=f"Account {number}")
    assert "1 to 4 of 4<" in html(operator, CONNECTIONS)
    monkeypatch.setattr("apps.audit.admin.MOST_LISTED", 3)
    monkeypatch.setattr("apps.audit.admin.BoundedPaginator.most_listed", 3)
    with CaptureQueriesContext(database) as captured:
        assert "of 3 or more" in html(operator, CONNECTIONS)
    asked = [query["sql"] for query in captured if "connections_connection" in query["sql"]]
    counts = [sql for sql in asked if "COUNT(*)" in sql and "GROUP BY" not in sql]
    assert counts
    assert all("LIMIT 3" in sql or "LIMIT 1000" in sql for sql in counts)


def test_a_later_page_joins_the_related_tables_for_its_own_rows_only(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    integration = make_integration()
    for number in range(5):
        make_connection(integration, name=f"Account {number}")
    monkeypatch.setattr("apps.connections.admin.ConnectionAdmin.list_per_page", 2)
    with CaptureQueriesContext(database) as captured:
        page = html(operator, f"{CONNECTIONS}?p=2")
    assert [name for name in range(5) if f"Account {name}<" in page] == [1, 2]
    skipping = [query["sql"] for query in captured if "OFFSET" in query["sql"]]
    assert skipping
    assert not [sql for sql in skipping if "JOIN" in sql]


def test_cells_have_labels_and_text_is_escaped(operator: Client) -> None:
    make_connection(make_integration(), name="<b>bold</b>")
    page = html(operator, CONNECTIONS)
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<b>bold" not in page
    assert 'data-label="Owner, team"' in page


def test_events_are_words_on_their_page(operator: Client) -> None:
    event = AuditEvent.objects.create(
        occurred_at=timezone.now(), actor_kind="system", action="connection.refresh_failed", outcome="failure",
        target_id="x-1", target_label="Northwind", detail={"kind": "busy", "tries": 2, "scopes": ["a", "b"]},
    )  # fmt: skip
    page = html(operator, reverse("admin:audit_auditevent_change", args=[event.pk]))
    for words in ("Refresh failed", "Failed", "Northwind", "<dt>Tries</dt><dd>2</dd>", "a, b"):
        assert words in page
    assert "connection.refresh_failed" not in page
    assert EVENTS in page


def test_the_search_of_an_oauth_app_offers_only_services_that_need_one(operator: Client) -> None:
    make_integration(slug="with", name="Seek with")
    make_integration(slug="without", name="Seek without", kind=Integration.Kind.API_KEY)
    query = {"app_label": "integrations", "model_name": "oauthapp", "field_name": "integration", "term": "Seek"}
    found = operator.get(reverse("admin:autocomplete"), query).json()["results"]
    assert [each["text"] for each in found] == ["Seek with"]


def test_the_queue_is_sampled_and_the_worst_of_an_hour_is_kept() -> None:
    now = timezone.now()
    old = QueueHour.objects.create(hour=now - KEPT - timedelta(hours=2))
    connection = make_connection(make_integration())
    token_set = connection.token_set
    token_set.next_refresh_at = now - timedelta(minutes=5)
    token_set.save()
    sample_queue()
    assert not QueueHour.objects.filter(pk=old.pk).exists()
    worst = QueueHour.objects.get()
    assert (worst.most_due, worst.longest_delay >= 300) == (1, True)
    token_set.next_refresh_at = now + timedelta(hours=1)
    token_set.save()
    sample_queue()
    assert QueueHour.objects.get().longest_delay == worst.longest_delay
    series = history.history()
    assert series.is_sampled
    assert series.delay.worst_hour == worst.hour
    assert len(series.delay.bars) == 1


def test_refreshes_are_counted_by_hour(operator: Client) -> None:
    now = timezone.now()
    for action, hours in (("connection.refreshed", 1), ("connection.refresh_failed", 1), ("connection.refreshed", 30)):
        AuditEvent.objects.create(occurred_at=now - timedelta(hours=hours), actor_kind="system", action=action)
    found = history.history()
    assert (found.refreshed.total, found.failed.total) == (2, 1)
    assert "Failed refreshes of each hour: at most 1 failed" in html(operator, "/admin/health/")


def test_refreshes_since_the_last_count_are_added_to_the_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_history, "KEPT", timedelta(hours=4))
    make_event("connection.refreshed", timedelta(hours=2))
    make_event("connection.refresh_failed", timedelta(minutes=1))
    counted()
    make_event("connection.refreshed", timedelta(0))
    make_event("connection.refresh_failed", timedelta(0))
    found = history.history()
    assert (found.refreshed.total, found.failed.total) == (4, 2)
    # The counted ones come from the sums: the log is not read for them again.
    QueueHour.objects.update(refreshes=F("refreshes") * 10)
    assert history.history().refreshed.total == 22


def test_parts_say_what_is_wrong(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    by_name = {part.name: part for part in parts.parts()}
    assert by_name["Database"].kind == "good"
    assert by_name["Encryption keys"].label == "All available"
    monkeypatch.setattr(parts, "missing_key_ids", lambda: {"k9"})
    monkeypatch.setattr(parts.shutil, "disk_usage", lambda _: parts.shutil._ntuple_diskusage(100, 97, 3))
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    by_name = {part.name: part for part in parts.parts()}
    assert (by_name["Encryption keys"].kind, by_name["Encryption keys"].note) == ("bad", "k9")
    assert (by_name["Disk of VAR_DIR"].kind, by_name["Disk of VAR_DIR"].label) == ("bad", "97 % in use")
    assert by_name["E-mail"].label == "Set up"


def test_a_member_cannot_see_the_numbers_of_operators() -> None:
    membership = make_member()
    client = Client()
    client.force_login(membership.user)
    assert "Needs an operator" not in client.get("/admin/", follow=True).content.decode()


def make_event(action: str, ago: timedelta) -> None:
    AuditEvent.objects.create(occurred_at=timezone.now() - ago, actor_kind="system", action=action)


def counted() -> None:
    for _ in range(70):
        count_events()


def test_calls_and_refreshes_are_counted_once_and_when_they_are_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_history, "KEPT", timedelta(days=10))
    make_event("connection.used", timedelta(hours=3))
    make_event("connection.used", timedelta(days=6))
    make_event("connection.use_failed", timedelta(days=6))
    make_event("connection.refresh_failed", timedelta(days=9))
    make_event("connection.used", timedelta(days=20))
    counted()
    make_event("connection.used", timedelta(0))
    counted()
    week, month = history.history(7), history.history(30)
    assert (week.calls.total, week.failed_calls.total, week.failed.total) == (2, 1, 0)
    assert (month.calls.total, month.refreshed.total, month.failed.total) == (2, 1, 1)
    assert history.history(1).calls.total == 1
    assert (len(week.calls.hours), len(month.calls.hours)) == (28, 30)
    assert week.is_counted
    assert not week.is_sampled


def test_the_charts_show_a_week_or_a_month_and_are_downloaded(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_history, "KEPT", timedelta(days=6))
    make_event("connection.used", timedelta(days=5))
    counted()
    assert "Calls in each 6 hours" in html(operator, "/admin/", days=7)
    assert "Calls in each 24 hours" in html(operator, "/admin/health/", days=30)
    assert "Calls of each hour" in html(operator, "/admin/", days="nonsense")
    response = operator.get("/admin/history.csv", {"days": "30"})
    lines = response.content.decode().splitlines()
    assert lines[0] == "start,longest_delay_seconds,refreshes,failed_refreshes,calls,failed_calls"
    assert len(lines) == 31
    assert [line.split(",")[4] for line in lines[1:]].count("1") == 1
    member = Client()
    member.force_login(make_user("Mia Member"))
    assert member.get("/admin/history.csv").status_code in (302, 403)


def test_the_newest_connections_come_first(operator: Client) -> None:
    integration = make_integration()
    for name in ("older", "newer"):
        make_connection(integration, name=name)
    Connection.objects.filter(name="older").update(created_at=timezone.now() - timedelta(days=3))
    page = operator.get(CONNECTIONS)
    assert [row.name for row in page.context["cl"].result_list] == ["newer", "older"]


def test_an_authorization_is_shown_in_words(operator: Client) -> None:
    connection = make_connection(make_integration())
    attempt = AuthorizationAttempt.objects.create(
        team=connection.team,
        user=connection.owner,
        integration=connection.integration,
        oauth_app=connection.oauth_app,
        state_hash="a" * 64,
        redirect_uri="https://connect.example/callback",
        scopes_requested=["read"],
        status="failed",
        error_code="access_denied",
        error_message="You declined at the service.",
        created_at=timezone.now(),
        expires_at=timezone.now(),
    )
    page = html(operator, reverse("admin:connections_authorizationattempt_change", args=[attempt.pk]))
    for words in ("Failed", "You declined at the service.", "<code>read</code>", str(connection.owner)):
        assert words in page
    assert "[&#x27;read&#x27;]" not in page
    assert "a" * 64 not in page
    assert "access_denied" in html(operator, reverse("admin:connections_authorizationattempt_changelist"))
