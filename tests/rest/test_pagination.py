"""Pages by cursor: each row once, in both directions, whatever is added meanwhile."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from apps.notifications.models import Webhook
from apps.rest.pagination import Pages
from apps.sql import Now
from apps.teams.models import Team
from tests.factories import make_team

pytestmark = pytest.mark.django_db
# How many rows, with pages of this size.
ROWS = {1: 56, 7: 104, 50: 208, 200: 520}
START = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def add(team: Team, created_at: Any, number: int = 1) -> list[Webhook]:
    return Webhook.objects.bulk_create(
        [Webhook(team=team, url="https://hooks.example/x", created_at=created_at) for _ in range(number)]
    )


def team_with(rows: int) -> Team:
    """A team with so many webhooks, many with the same time, written by Python and by the database."""
    team = make_team()
    for step in range(rows // 4 // 2):
        add(team, START + timedelta(milliseconds=step // 5), 4)
        add(team, Now(), 4)
    assert Webhook.objects.count() == rows
    return team


def page(team: Team, url: str) -> dict[str, Any]:
    paginator = Pages()
    request = Request(APIRequestFactory().get(url))
    rows = paginator.paginate_queryset(Webhook.objects.filter(team=team), request)
    document: dict[str, Any] = paginator.get_paginated_response(rows).data
    return document


def walk(team: Team, url: str | None, direction: str) -> Iterator[list[Webhook]]:
    while url:
        document = page(team, url)
        yield document["results"]
        url = document[direction]


def newest_first() -> list[Any]:
    return list(Webhook.objects.order_by("-created_at", "-id").values_list("pk", flat=True))


@pytest.mark.parametrize("size", ROWS)
def test_following_next_returns_each_row_once_in_order(size: int) -> None:
    team = team_with(ROWS[size])
    pages = list(walk(team, f"/?page_size={size}", "next"))
    assert [row.pk for rows in pages for row in rows] == newest_first()
    assert {len(rows) for rows in pages[:-1]} == {size}


@pytest.mark.parametrize("size", [7, 50, 200])
def test_following_previous_from_the_last_page_returns_each_row_once(size: int) -> None:
    team = team_with(ROWS[size])
    url, last = f"/?page_size={size}", ""
    while url:
        last, url = url, page(team, url)["next"]
    pages = list(walk(team, last, "previous"))
    assert [row.pk for rows in reversed(pages) for row in rows] == newest_first()


@pytest.mark.parametrize("size", ROWS)
def test_rows_added_meanwhile_do_not_repeat_or_hide_others(size: int) -> None:
    team = team_with(ROWS[size])
    before, seen = newest_first(), []
    for rows in walk(team, f"/?page_size={size}", "next"):
        seen += [row.pk for row in rows]
        if len(seen) < min(ROWS[size] // 2, 200):
            # At the same time as the last row seen, which sorts before or after it, and now.
            add(team, rows[-1].created_at)
            add(team, Now())
    assert len(seen) == len(set(seen))
    assert [pk for pk in seen if pk in set(before)] == before


def test_the_first_page_has_no_previous_and_the_last_no_next() -> None:
    team = team_with(ROWS[200])
    first = page(team, "/?page_size=200")
    assert first["previous"] is None
    second = page(team, first["next"])
    third = page(team, second["next"])
    assert third["next"] is None
    assert [row.pk for row in page(team, third["previous"])["results"]] == [row.pk for row in second["results"]]
    assert page(team, second["previous"])["previous"] is None


def test_links_keep_the_other_parameters() -> None:
    link = urlsplit(page(team_with(ROWS[7]), "/?page_size=7&search=a")["next"])
    assert "page_size=7" in link.query
    assert "search=a" in link.query
