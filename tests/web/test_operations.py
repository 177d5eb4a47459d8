"""The operators' health page: staff only, its figures, and a fixed number of queries."""

import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.audit.origin import Origin, Target
from apps.audit.services import record
from apps.connections.messages import _REASONS as REASONS
from apps.connections.models import Connection, SchedulerHeartbeat, TokenSet
from apps.connections.policy.refresh_outcomes import Outcome
from apps.connections.services.heartbeat import record_heartbeat
from apps.integrations.models import Integration, OAuthApp
from apps.row_counts import RowCount
from apps.teams.models import Role, User
from apps.web import health, operations
from tests import factories
from tests.connections.rows import make_connection, make_integration

pytestmark = pytest.mark.django_db

PAGE = "/admin/health/"
SYSTEM = Origin(kind="system", id="", label="Specway")


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator@specway.example", secrets.token_urlsafe()))
    return client


@pytest.fixture(autouse=True)
def spool_folder(settings: Any, tmp_path: Path) -> Path:
    settings.SPOOL_DIR = str(tmp_path)
    return tmp_path


def refreshed(integration: str, times: int = 1, *, kind: str = "") -> None:
    """Record refresh events: successes, or failures of a kind."""
    for _ in range(times):
        with transaction.atomic():
            record(
                action="connection.refresh_failed" if kind else "connection.refreshed",
                origin=SYSTEM,
                team_id=None,
                target=Target("connection", "", "", integration),
                **({"kind": kind} if kind else {}),
            )


def words(client: Client) -> str:
    response = client.get(PAGE)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_operators_reach_the_page_by_its_link(operator: Client) -> None:
    assert "<h1>Health</h1>" in words(operator)
    for place in ("/admin/", "/admin/connections/connection/"):
        assert f'href="{PAGE}"' in operator.get(place).content.decode()


@pytest.mark.parametrize("role", list(Role))
def test_other_people_cannot_open_the_page(role: Role, visitor: Client) -> None:
    away = visitor.get(PAGE)
    assert away.status_code == 302
    assert "/login/" in away["Location"]
    member = factories.client_for(factories.make_member(role=role))
    response = member.get(PAGE, follow=True)
    assert response.status_code == 403
    assert b"Queue lag" not in response.content


def test_a_new_installation_reports_only_the_missing_schedule(operator: Client) -> None:
    page = words(operator)
    assert "Nothing is overdue" in page
    assert "No token was refreshed in the last 24 hours." in page
    assert "Has never run" in page
    assert "None." in page


def test_the_queue_shows_the_lag_of_the_oldest(operator: Client) -> None:
    integration = make_integration()
    for seconds in (-400, -5, 60, 100, 4000):
        row = TokenSet.objects.filter(connection=make_connection(integration))
        row.update(next_refresh_at=timezone.now() + timedelta(seconds=seconds))
    gone = make_connection(integration, status="disconnecting")
    TokenSet.objects.filter(connection=gone).update(next_refresh_at=timezone.now() - timedelta(days=3))
    queue = operations.queue()
    assert (queue.due, queue.soon) == (2, 2)
    assert 400 <= queue.oldest_overdue < 4000
    page = words(operator)
    assert "The oldest refresh is far overdue" in page
    assert "2 more in the next 5 minutes" in page


@pytest.mark.parametrize(("seconds", "lag"), [(0, (0, "s")), (119, (119, "s")), (130, (2, "min")), (1e6, (11, "d"))])
def test_the_lag_is_shown_in_a_fitting_unit(seconds: float, lag: tuple[int, str]) -> None:
    assert operations.Queue(due=1, soon=0, oldest_overdue=seconds).lag == lag


def test_refreshes_of_a_day_are_counted_by_integration_and_outcome(operator: Client) -> None:
    make_integration()
    refreshed("sandbox", 5)
    refreshed("sandbox", 2, kind="busy")
    refreshed("sandbox", kind="grant_refused")
    refreshed("carrier-hub", 1)
    old = AuditEvent(action="connection.refreshed", occurred_at=timezone.now() - timedelta(hours=25))
    AuditEvent.objects.bulk_create([old])
    first, second = operations.refreshes_of_a_day()
    assert (first.name, first.succeeded, first.failures) == ("Sandbox", 5, 3)
    assert first.in_words == "2 service busy, 1 grant refused"
    assert (second.name, second.succeeded, second.failures) == ("carrier-hub", 1, 0)
    page = words(operator)
    assert "3 failed" in page
    assert "Out of 8: 2 service busy, 1 grant refused." in page


def test_every_outcome_and_reason_has_a_label() -> None:
    assert {outcome.value for outcome in Outcome} <= set(operations.OUTCOMES)
    assert set(REASONS) == set(operations.REASONS)


def test_connections_that_need_attention_are_counted_by_reason_and_integration(operator: Client) -> None:
    integration = make_integration()
    for reason in ("outcome_unknown", "reauthorization_required", "reauthorization_required"):
        make_connection(integration, status="needs_attention", status_reason=reason)
    make_connection(integration)
    found = [(row.name, row.reason, row.count) for row in operations.needing_attention()]
    assert found == [("Sandbox", "Grant ended or revoked", 2), ("Sandbox", "Outcome of a refresh unknown", 1)]
    assert "3 need attention" in words(operator)


def test_many_connections_are_an_estimate_and_the_page_says_so(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_connection(make_integration())
    assert "about" not in words(operator)
    monkeypatch.setattr(operations, "row_count", lambda rows: RowCount(1_000_000, is_exact=False))
    assert "about 2,000,000" not in words(operator)  # those that are being disconnected do not count
    assert "about 1,000,000" in words(operator)


def test_those_that_are_being_disconnected_are_counted_apart() -> None:
    integration = make_integration()
    for status in ("active", "active", "disconnecting"):
        make_connection(integration, status=status)
    make_connection(integration, status="needs_attention", status_reason="key_refused")
    assert operations.connections_by_status() == {
        ("active", ""): RowCount(2),
        ("disconnecting", ""): RowCount(1),
        ("needs_attention", "key_refused"): RowCount(1),
    }


def test_oauth_apps_at_risk_list_their_connections(operator: Client) -> None:
    today = timezone.now().date()
    days = {"refused": None, "ended": -1, "soon": 60, "later": 61, "unknown": None}
    for slug, left in days.items():
        integration = make_integration(slug=slug, name=slug.title())
        expires = None if left is None else today + timedelta(days=left)
        OAuthApp.objects.filter(integration=integration).update(secret_expires_on=expires)
        for _ in range(2):
            make_connection(integration)
        make_connection(integration, status="disconnecting")
    refused = OAuthApp.objects.filter(integration__slug="refused")
    refused.update(broken_since=timezone.now(), broken_code="invalid_client")
    found = [(row.app.integration.slug, row.dependents, row.days_left) for row in operations.oauth_apps_at_risk(today)]
    assert found == [("refused", 2, None), ("ended", 2, -1), ("soon", 2, 60)]
    assert operations.oauth_apps_at_risk(today)[0].names == ["Refused", "Refused"]
    page = words(operator)
    assert "Refused has rejected the OAuth app since" in page
    assert "2 connections depend on it. Owners were not asked to reconnect" in page
    assert f"/admin/integrations/oauthapp/{refused.get().pk}/change/" in page


def test_keys_are_listed_with_their_number_of_rows(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    make_connection(make_integration())
    (key,) = operations.vault_keys()
    assert (key.kid, key.rows, key.is_primary, key.is_known) == ("test", RowCount(2), True, True)
    monkeypatch.setattr(operations, "row_counts_per_key", lambda: {"lost": RowCount(4)})
    assert [(key.kid, key.rows.number, key.is_known) for key in operations.vault_keys()] == [
        ("test", 0, True),
        ("lost", 4, False),
    ]
    assert "Not configured. The secrets in these rows cannot be decrypted." in words(operator)


def test_failing_parts_are_reported(operator: Client, spool_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> str:
        raise OSError("redis.internal is away")

    monkeypatch.setattr(health, "_broker", broken)
    (spool_folder / "a.1.json").touch()
    OAuthApp.objects.filter(integration=make_integration()).update(circuit_open_until=timezone.now())
    record_heartbeat()
    SchedulerHeartbeat.objects.update(at=timezone.now() - timedelta(minutes=5))
    page = words(operator)
    assert "Unreachable" in page
    assert "redis.internal" not in page
    assert "1 waiting" in page
    assert "Not responding</span> · Sandbox" in page
    assert "Not running" in page
    record_heartbeat()
    assert "Not running" not in words(operator)


def test_the_number_of_queries_does_not_depend_on_the_number_of_rows(operator: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(database) as captured:
            words(operator)
        return len(captured)

    make_connection(make_integration(), status="needs_attention", status_reason="outcome_unknown")
    refreshed("sandbox")
    operator.get(PAGE)
    few = queries()
    for number in range(8):
        integration = make_integration(slug=f"service-{number}", name=f"Service {number}")
        OAuthApp.objects.filter(integration=integration).update(
            broken_since=timezone.now(), broken_code="invalid_client", secret_expires_on=timezone.now()
        )
        for reason in ("outcome_unknown", "token_expired"):
            make_connection(integration, status="needs_attention", status_reason=reason)
        refreshed(integration.slug, kind="busy")
    assert Integration.objects.count() > 8
    assert Connection.objects.count() > 16
    assert queries() == few <= 50
