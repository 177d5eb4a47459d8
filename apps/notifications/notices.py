"""Notices: what happened that a person should know, in the product itself, whatever mail they get."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet

from apps.notifications.models import Notice
from apps.sql import Now, PreparedSelect, param
from apps.teams.languages import in_language
from apps.teams.models import Team, User

# The number of notices that the page shows.
SHOWN = 100


@dataclass(frozen=True)
class NewNotice:
    """`key` is unique for each person: the same event is noticed once. `path` leads to what it is about."""

    key: str
    title: str
    text: str
    path: str
    service: str = ""
    icon: str = ""


def notify(users: Iterable[User], write: Callable[[], NewNotice], *, team_id: UUID) -> list[User]:
    """Add the notice for each person who does not have it yet, in their language, and return these people."""
    people = list(users)
    known = set(Notice.objects.filter(user__in=people, key=write().key).values_list("user", flat=True))
    new = [user for user in people if user.pk not in known]
    Notice.objects.bulk_create([_for(user, write, team_id) for user in new], ignore_conflicts=True)
    return new


def _for(user: User, write: Callable[[], NewNotice], team_id: UUID) -> Notice:
    with in_language(user.language):
        notice = write()
    return Notice(
        user=user,
        team_id=team_id,
        key=notice.key,
        title=notice.title[:200],
        text=notice.text[:500],
        path=notice.path,
        service=notice.service,
        icon=notice.icon,
        created_at=Now(),
    )


def notices_of(user: User, team: Team) -> QuerySet[Notice]:
    """A person's notices in a team, newest first."""
    return Notice.objects.filter(user=user, team=team).order_by("-created_at", "-pk")


def _counted() -> QuerySet[Notice, Any]:
    unread = Notice.objects.filter(user=param(Notice, "user"), team=param(Notice, "team"), read_at=None)
    return unread.order_by().values("user").annotate(n=Count("pk")).values_list("n")


# On top of every page.
_unread = PreparedSelect(_counted)


def unread_count(user: User, team: Team) -> int:
    """How many notices the person has not marked as read."""
    (count,) = _unread.one(user=user.pk, team=team.pk) or (0,)
    return int(count)


def mark_read(user: User, team: Team) -> None:
    """Mark all notices of the person in the team as read."""
    Notice.objects.filter(user=user, team=team, read_at=None).update(read_at=Now())
