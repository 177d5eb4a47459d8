"""The Activity tab's filters: by kind of event, by person or key, by outcome and day, kept in the address."""

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from apps.audit.models import AuditEvent
from apps.connections.models import Connection
from apps.teams.models import Membership
from tests.connections import pages
from tests.connections.test_views_detail import shown
from tests.factories import client_for

pytestmark = pytest.mark.django_db
DAY = datetime(2031, 5, 6, 12, tzinfo=UTC)
KEY = "3f0c5c36-6f3f-4b0a-8a65-1f2f3c4d5e6f"


@pytest.fixture
def connection(mara: Membership) -> Connection:
    made = pages.make_connection(mara, pages.set_up_service(), "Fernhill")
    happened(made, "connection.used", kind="user", actor=str(mara.user_id), label="Mara Lindqvist")
    happened(made, "connection.used", kind="service", actor=KEY, label="Nightly export", days=1)
    happened(made, "connection.refreshed", kind="system", actor="", label="Specway", days=2)
    happened(
        made, "connection.use_failed", kind="service", actor=KEY, label="Nightly export", days=3, outcome="failure"
    )
    return made


def happened(made: Connection, action: str, *, kind: str, actor: str, label: str, days: int = 0, **more: Any) -> None:
    AuditEvent.objects.create(
        occurred_at=DAY + timedelta(days=days), team_id=made.team_id, actor_kind=kind, actor_id=actor,
        actor_label=label, action=action, target_type="connection", target_id=str(made.pk), **more,
    )  # fmt: skip


@pytest.fixture
def browser(mara: Membership) -> Client:
    return client_for(mara)


def days(page: str) -> list[str]:
    return re.findall(r">\s*(\d+) May, 12:00:00", page)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["9", "8", "7", "6"]),
        ({"action": "connection.used"}, ["9", "7", "6"]),
        ({"actor": KEY}, ["9", "7"]),
        ({"actor": "system"}, ["8"]),
        ({"outcome": "failure"}, ["9"]),
        ({"since": "2031-05-08"}, ["9", "8"]),
        ({"until": "2031-05-07"}, ["7", "6"]),
        ({"action": "connection.used", "actor": KEY, "since": "2031-05-07", "until": "2031-05-07"}, ["7"]),
        ({"action": "nonsense", "since": "yesterday", "actor": "x"}, ["9", "8", "7", "6"]),
    ],
    ids=str,
)
def test_each_filter_keeps_its_matches(
    browser: Client, connection: Connection, filters: dict[str, str], expected: list[str]
) -> None:
    page = shown(browser, connection, "activity", **filters)
    assert days(page) == expected
    for value in filters.values():
        if value not in ("nonsense", "x", "yesterday"):
            assert f'value="{value}"' in page


def test_every_actor_can_be_selected_by_current_name(browser: Client, connection: Connection, mara: Membership) -> None:
    happened(connection, "connection.used", kind="service", actor=KEY, label="Hourly export", days=4)
    page = shown(browser, connection, "activity", actor=KEY)
    assert f'<option value="{KEY}" selected>Hourly export (service key)</option>' in page
    assert f'<option value="{mara.user_id}">Mara Lindqvist</option>' in page
    assert '<option value="system">Specway</option>' in page
    assert "Nightly export (service key)" not in page


def test_filters_stay_from_page_to_page(browser: Client, connection: Connection) -> None:
    for _ in range(33):
        happened(connection, "connection.renamed", kind="service", actor=KEY, label="Nightly export")
        happened(connection, "connection.refreshed", kind="system", actor="", label="Specway")
    chosen = {"action": "connection.renamed", "actor": KEY}
    first = shown(browser, connection, "activity", **chosen)
    older = re.search(r'href="\?([^"]+)">Older', first)
    assert older
    address = html.unescape(older[1])
    assert f"action=connection.renamed&actor={KEY}&before=" in address
    second = browser.get(f"/connections/{connection.pk}/activity/?{address}").content.decode()
    assert (first.count('id="event-'), second.count('id="event-')) == (30, 3)
    assert "Renamed" in second
    newest = re.search(r'href="([^"]+)">Newest', second)
    assert newest
    assert html.unescape(newest[1]) == f"/connections/{connection.pk}/activity/?action=connection.renamed&actor={KEY}"


def test_no_matches_offers_to_show_all(browser: Client, connection: Connection) -> None:
    page = shown(browser, connection, "activity", action="connection.shared")
    assert "No event of this connection matches these filters." in page
    assert page.count(f'href="/connections/{connection.pk}/activity/">Clear filters') == 2
