"""What an actor sees of integrations, and how they stand there: the questions asked of them, each in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import models
from django.db.models import Count, Exists, F, IntegerField, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

if TYPE_CHECKING:
    from apps.integrations.models import Integration
    from apps.teams.actor import Actor


class IntegrationQuerySet(models.QuerySet["Integration", "Integration"]):
    def visible_to(self, actor: Actor) -> IntegrationQuerySet:
        """The built-in ones and those of the actor's own team."""
        return self.filter(Q(team=None) | Q(team=actor.team)) if actor.team else self.none()

    def named(self, slug: str) -> Integration | None:
        """The one with that slug; a built-in one, should a team's own bear the same. After `visible_to`."""
        return self.filter(slug=slug).order_by(F("team_id").asc(nulls_first=True)).first()

    def with_standing(self, actor: Actor) -> IntegrationQuerySet:
        """Each with `connected` and `attention` (how many connections the actor may see, and how many of them need
        attention) and `is_set_up` (whether an OAuth app serves the actor's team, or none is needed)."""
        oauth_apps = apps.get_model("integrations", "OAuthApp")._default_manager
        with_key = Q(kind__in=("api_key", "basic", "oauth2_client_credentials", "none"))
        serving = oauth_apps.filter(Q(team=None) | Q(team=actor.team), integration=OuterRef("pk"))
        return self.annotate(
            connected=_count(self._connections(actor)),
            attention=_count(self._connections(actor).filter(status="needs_attention")),
            is_set_up=models.Case(models.When(with_key, then=True), default=Exists(serving)),
        )

    def with_connections(self, wanted: bool) -> IntegrationQuerySet:
        """Those with connections, or those without. After `with_standing`."""
        return self.filter(Q(connected__gt=0) if wanted else Q(connected=0))

    def listed(self) -> IntegrationQuerySet:
        """Those that belong in a list: switched on, or connected from before. After `with_standing`.

        A team's own API appears once its authentication is described.
        """
        described = Q(team=None) | Q(definition__isnull=False)
        return self.filter(described, Q(is_enabled=True) | Q(connected__gt=0))

    def broken_first(self) -> IntegrationQuerySet:
        """What needs attention, then what is connected, what can be, and the rest, each by name.

        After `with_standing`.
        """
        tier = models.Case(
            models.When(attention__gt=0, then=0),
            models.When(connected__gt=0, then=1),
            models.When(is_set_up=True, then=2),
            default=3,
        )
        return self.order_by(tier, models.functions.Lower("name"), "pk")

    def _connections(self, actor: Actor) -> Any:
        # The room above knows what a connection is; this one meets it through the relation only.
        related: Any = self.model._meta.get_field("connections").related_model
        return related.objects.visible_to(actor)


def _count(connections: Any) -> Coalesce:
    counted = connections.filter(integration=OuterRef("pk")).order_by().values("integration").annotate(n=Count("pk"))
    return Coalesce(Subquery(counted.values("n"), output_field=IntegerField()), 0)
