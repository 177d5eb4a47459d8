"""What an actor can see and use, and what is due: the questions asked of connections, each in one place."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

if TYPE_CHECKING:
    from apps.teams.actor import Actor

# The rows' classes themselves stand in models.py, which imports this module.
Row = TypeVar("Row", bound=models.Model)


def _shared_with(actor: Actor) -> Q:
    """Shared with everyone, or by name. (A shared row without any share joins to nothing and stays hidden.)"""
    reached = Q(shares__isnull=False, shares__user=None)
    if actor.user is not None and not actor.is_service:
        reached |= Q(shares__user=actor.user)
    return Q(is_shared=True) & reached


def _owned_by(actor: Actor) -> Q:
    return Q(pk__in=[]) if actor.is_service or actor.user is None else Q(owner=actor.user)


class ConnectionQuerySet(models.QuerySet[Row]):
    def in_team_of(self, actor: Actor) -> Self:
        """Those of the actor's team. A disconnected one is gone for everybody."""
        return self.none() if actor.team is None else self.of_team(actor.team)

    def of_team(self, team: Any) -> Self:
        """Those of a team that are there for anybody."""
        return self.filter(team=team).exclude(status="disconnecting")

    def visible_to(self, actor: Actor) -> Self:
        """Those that the actor may know of: one's own and those shared with one; admins see the whole team's."""
        mine = self.in_team_of(actor)
        if actor.is_admin:
            return mine
        seen = _shared_with(actor) | _owned_by(actor)
        return mine.filter(pk__in=self.model._default_manager.filter(seen).values("pk"))

    def usable_by(self, actor: Actor) -> Self:
        """Those whose access the actor may use: one's own and those shared. Admins do not use others' personal ones."""
        usable = _shared_with(actor) | _owned_by(actor)
        if actor.is_admin:
            usable |= Q(is_shared=True)
        return self.in_team_of(actor).filter(pk__in=self.model._default_manager.filter(usable).values("pk"))

    def with_details(self) -> Self:
        """Everything that a list or an API answer shows of each, in one query."""
        return self.select_related("integration", "owner", "team", "oauth_app", "token_set", "first_refresh")


class TokenSetQuerySet(models.QuerySet[Row]):
    def with_clock(self) -> Self:
        """Each row with `db_now`, the database's time, which decides what is fresh on every machine alike."""
        return self.annotate(db_now=Now())

    def with_everything(self) -> Self:
        """Each row with its connection and what a token call needs to know, and the database's time."""
        return self.with_clock().select_related("connection__integration", "connection__oauth_app")

    def due_for_refresh(self, now: datetime | Any) -> Self:
        """Those whose next refresh is due and that nobody refreshes or has been given to refresh; longest due first."""
        free = Q(lease_until=None) | Q(lease_until__lt=now)
        in_nobodys_hands = Q(dispatched_until=None) | Q(dispatched_until__lt=now)
        return self.filter(free, in_nobodys_hands, next_refresh_at__lte=now).order_by("next_refresh_at")
