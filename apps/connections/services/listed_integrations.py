"""Integrations with the number of connections that an actor can see, for the Plugins page, pickers and the API."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Count, IntegerField, OuterRef, Q, Subquery, When
from django.db.models.functions import Coalesce, Lower

from apps.connections.models import Connection, Status
from apps.integrations.models import Integration, IntegrationQuerySet
from apps.teams.actor import Actor


@dataclass(frozen=True)
class Counts:
    """What `with_counts` adds to an integration."""

    connected: int
    attention: int
    is_set_up: bool


def counts_of(integration: Integration) -> Counts:
    """The annotations of a row of `with_counts`. Raises KeyError for other rows."""
    values = vars(integration)
    return Counts(values["connected"], values["attention"], values["is_set_up"])


def with_counts(integrations: IntegrationQuerySet, actor: Actor) -> IntegrationQuerySet:
    """Each with `Counts`: how many connections the actor can see, and how many of them need attention.

    For `is_set_up`, see `IntegrationQuerySet.with_setup`.
    """
    visible = Connection.objects.visible_to(actor)
    return integrations.with_setup(actor).annotate(
        connected=_count(visible), attention=_count(visible.filter(status=Status.NEEDS_ATTENTION))
    )


def listed(actor: Actor) -> IntegrationQuerySet:
    """The integrations to list, with counts: enabled ones, and disabled ones that still have connections.

    A custom API is listed once its authentication is configured.
    """
    described = Q(team=None) | Q(definition__isnull=False)
    rows = with_counts(Integration.objects.visible_to(actor), actor)
    return rows.filter(described, Q(is_enabled=True) | Q(connected__gt=0))


def attention_first(integrations: IntegrationQuerySet) -> IntegrationQuerySet:
    """Those that need attention, then connected ones, then those that are set up, then the rest, each by name."""
    tier = Case(
        When(attention__gt=0, then=0),
        When(connected__gt=0, then=1),
        When(is_set_up=True, then=2),
        default=3,
    )
    return integrations.order_by(tier, Lower("name"), "pk")


def _count(connections: Any) -> Coalesce:
    counted = connections.filter(integration=OuterRef("pk")).order_by().values("integration").annotate(n=Count("pk"))
    return Coalesce(Subquery(counted.values("n"), output_field=IntegerField()), 0)
