"""The page of notifications."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.notifications.models import Notice
from apps.teams.models import Membership
from tests.factories import client_for, make_member

pytestmark = pytest.mark.django_db
PAGE = "/notifications/"


def notice(member: Membership, title: str, *, days: int = 0, is_read: bool = False) -> None:
    at = timezone.now() - timedelta(days=days)
    team, user, read_at = member.team, member.user, at if is_read else None
    Notice.objects.create(user=user, team=team, key=title, title=title, path="/", created_at=at, read_at=read_at)


def titles(member: Membership, **query: str) -> list[str]:
    return re.findall(r'<a href="/">([^<]+)</a>', client_for(member).get(PAGE, query).content.decode())


def test_notices_are_listed_by_day_and_only_unread_ones_on_request() -> None:
    mara = make_member()
    notice(mara, "Old and read", days=3, is_read=True)
    notice(mara, "Old", days=3)
    notice(mara, "New")
    assert titles(mara) == ["New", "Old", "Old and read"]
    assert titles(mara, show="unread") == ["New", "Old"]
    assert len(re.findall(r'<h2 id="day-', client_for(mara).get(PAGE).content.decode())) == 2


def test_marking_all_as_read_leaves_no_unread_ones() -> None:
    mara = make_member()
    notice(mara, "New")
    assert client_for(mara).post(PAGE).status_code == 302
    page = client_for(mara).get(PAGE, {"show": "unread"}).content.decode()
    assert "You have read everything." in page
    assert "Mark all as read" not in page
