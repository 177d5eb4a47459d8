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


# What the row of a connection shows, on the pages that list connections (`views.rows`).
_OF_ROW = [
    *("team_id", "integration_id", "oauth_app_id", "owner_id", "name", "status", "status_reason", "service_message"),
    *("status_changed_at", "is_shared", "created_at", "last_used_at", "verified_at"),
    *("integration__slug", "integration__name", "integration__team_id", "integration__kind", "integration__icon"),
    *("owner__email", "owner__name", "oauth_app__broken_since", "first_refresh__outcome", "first_refresh__code"),
    *("token_set__refresh_token", "token_set__obtained_at", "token_set__expires_at", "token_set__lease_until"),
    *("token_set__next_refresh_at", "token_set__data_key", "token_set__team_id", "credential__checked_at"),
]


def _owned_by(actor: Actor) -> Q:
    return Q() if actor.is_service or actor.user is None else Q(owner=actor.user)


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
        return of_team.filter(self._shared_with(actor) | _owned_by(actor))

    def usable_by(self, actor: Actor) -> Self:
        """The connections that the actor may use: own and shared ones. Admins cannot use others' personal ones."""
        shared = Q(is_shared=True) if actor.is_admin else self._shared_with(actor)
        return self.in_team_of(actor).filter(shared | _owned_by(actor))

    def _shared_with(self, actor: Actor) -> Q:
        """Shared with everyone or with the actor. A shared row without shares stays hidden."""
        from apps.connections.models.sharing import ConnectionShare  # it imports the model, which imports this module

        with_whom = ~Q(everyones_level="")
        if actor.user is not None and not actor.is_service:
            with_whom |= Q(pk__in=ConnectionShare.objects.filter(user=actor.user).order_by().values("connection"))
        return Q(is_shared=True) & with_whom

    def with_clock(self) -> Self:
        """With `db_now`, the database's time, so that all hosts agree on what is fresh."""
        return self.annotate(db_now=Now())

    def with_details(self) -> Self:
        """With everything that a list or an API response shows, in one query."""
        related = ("integration", "owner", "team", "oauth_app", "token_set", "first_refresh", "credential")
        return self.select_related(*related).defer("credential__fields")

    def with_row(self) -> Self:
        """With what the row of a list shows, in one query. Anything else would be queried for each row."""
        related = ("integration", "owner", "oauth_app", "token_set", "first_refresh", "credential")
        return self.select_related(*related).only(*_OF_ROW)


class TokenSetQuerySet(models.QuerySet[Row]):
    def with_clock(self) -> Self:
        """Each token set with `db_now`, see `ConnectionQuerySet.with_clock`."""
        return self.annotate(db_now=Now())

    def with_everything(self) -> Self:
        """With the connection and everything that a token request needs, and `db_now`."""
        return self.with_clock().select_related("connection__integration", "connection__oauth_app__integration")

    def due_for_refresh(self, now: datetime | Any) -> Self:
        """The token sets whose refresh is due, neither leased nor dispatched; longest due first."""
        free = Q(lease_until=None) | Q(lease_until__lt=now)
        not_dispatched = Q(dispatched_until=None) | Q(dispatched_until__lt=now)
        return self.filter(free, not_dispatched, next_refresh_at__lte=now).order_by("next_refresh_at")
