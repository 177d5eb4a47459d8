"""Queries for the connections that an actor can see and use, and for the token sets that are due."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.db import models
from django.db.models import Q

from apps.sql import Now

if TYPE_CHECKING:
    from apps.teams.actor import Actor

# The models import this module, so that it cannot import them.
Row = TypeVar("Row", bound=models.Model)


def _shared_with(actor: Actor) -> Q:
    """Shared with everyone or with the actor. (A shared row without shares has nothing to join and stays hidden.)"""
    shared = Q(shares__isnull=False, shares__user=None)
    if actor.user is not None and not actor.is_service:
        shared |= Q(shares__user=actor.user)
    return Q(is_shared=True) & shared


def _owned_by(actor: Actor) -> Q:
    return Q(pk__in=[]) if actor.is_service or actor.user is None else Q(owner=actor.user)


class ConnectionQuerySet(models.QuerySet[Row]):
    def in_team_of(self, actor: Actor) -> Self:
        """The connections of the actor's team, without those being disconnected."""
        return self.none() if actor.team is None else self.of_team(actor.team)

    def of_team(self, team: Any) -> Self:
        """The connections of a team, without those being disconnected."""
        return self.filter(team=team).exclude(status="disconnecting")

    def visible_to(self, actor: Actor) -> Self:
        """The connections that the actor may see: own and shared ones; admins see all of the team."""
        of_team = self.in_team_of(actor)
        if actor.is_admin:
            return of_team
        visible = _shared_with(actor) | _owned_by(actor)
        return of_team.filter(pk__in=self.model._default_manager.filter(visible).values("pk"))

    def usable_by(self, actor: Actor) -> Self:
        """The connections that the actor may use: own and shared ones. Admins cannot use others' personal ones."""
        usable = _shared_with(actor) | _owned_by(actor)
        if actor.is_admin:
            usable |= Q(is_shared=True)
        return self.in_team_of(actor).filter(pk__in=self.model._default_manager.filter(usable).values("pk"))

    def with_clock(self) -> Self:
        """With `db_now`, the database's time, so that all hosts agree on what is fresh."""
        return self.annotate(db_now=Now())

    def with_details(self) -> Self:
        """With everything that a list or an API response shows, in one query."""
        related = ("integration", "owner", "team", "oauth_app", "token_set", "first_refresh", "credential")
        return self.select_related(*related).defer("credential__fields")


class TokenSetQuerySet(models.QuerySet[Row]):
    def with_clock(self) -> Self:
        """Each token set with `db_now`, see `ConnectionQuerySet.with_clock`."""
        return self.annotate(db_now=Now())

    def with_everything(self) -> Self:
        """With the connection and everything that a token request needs, and `db_now`."""
        return self.with_clock().select_related("connection__integration", "connection__oauth_app")

    def due_for_refresh(self, now: datetime | Any) -> Self:
        """The token sets whose refresh is due, neither leased nor dispatched; longest due first."""
        free = Q(lease_until=None) | Q(lease_until__lt=now)
        not_dispatched = Q(dispatched_until=None) | Q(dispatched_until__lt=now)
        return self.filter(free, not_dispatched, next_refresh_at__lte=now).order_by("next_refresh_at")
