"""Few rows are counted; of many, PostgreSQL's estimate is taken instead of reading the table."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps import row_counts
from apps.row_counts import RowCount, row_count
from apps.teams.models import Team

pytestmark = pytest.mark.django_db


def make_teams(count: int) -> None:
    Team.objects.bulk_create(Team(name=f"Team {number}") for number in range(count))


def test_few_rows_are_counted() -> None:
    make_teams(3)
    assert row_count(Team.objects.order_by("name")) == RowCount(3)
    assert row_count(Team.objects.filter(name="Team 1")) == RowCount(1)


def test_many_rows_are_estimated_where_the_database_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_counts, "EXACT_UP_TO", 20)
    make_teams(200)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE teams_team" if connection.vendor == "postgresql" else "SELECT 1")
    with CaptureQueriesContext(connection) as captured:
        found = row_count(Team.objects.order_by("name"))
    assert found.number == pytest.approx(200, rel=0.2)
    if connection.vendor == "postgresql":
        assert not found.is_exact
        counts = [query["sql"] for query in captured if "COUNT(*)" in query["sql"]]
        assert all("LIMIT 21" in sql for sql in counts)


def test_an_estimate_is_never_below_what_was_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_counts, "EXACT_UP_TO", 5)
    make_teams(30)  # PostgreSQL has no statistics of them yet
    assert row_count(Team.objects.all()).number >= 6


def test_a_sum_with_an_estimate_is_an_estimate() -> None:
    assert RowCount(2) + RowCount(3) == RowCount(5)
    assert RowCount(2) + RowCount(3, is_exact=False) == RowCount(5, is_exact=False)
