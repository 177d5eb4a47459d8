"""Integrations with the number of connections that an actor can see, for the Plugins page, pickers and the API."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, OuterRef, Q, QuerySet

from apps.connections.models import Connection, Status
from apps.integrations.models import Integration, IntegrationQuerySet
from apps.sql import distinct_values, exists_for_row
from apps.teams.actor import Actor

# The number of connections, and of those that need attention, by the integration's ID. Those without are not in it.
Totals = Mapping[UUID, tuple[int, int]]


@dataclass(frozen=True)
class Counts:
    """What `with_counts` adds to an integration."""

    connected: int
    attention: int
    is_set_up: bool


def counts_of(integration: Integration) -> Counts:
    """What `with_counts` added. Raises KeyError for another row."""
    values = vars(integration)
    return Counts(values["connected"], values["attention"], values["is_set_up"])


def totals_for(actor: Actor) -> Totals:
    """How many connections the actor can see by integration, in one pass over those of the team."""
    grouped = Connection.objects.visible_to(actor).order_by().values_list("integration")
    red = Count("pk", filter=Q(status=Status.NEEDS_ATTENTION))
    return {integration: (n, attention) for integration, n, attention in grouped.annotate(Count("pk"), red=red)}


def services_of_visible(actor: Actor) -> QuerySet[Integration]:
    """The integrations of the connections that the actor can see. Looks for one connection of each, and counts none."""
    if actor.team is None:
        return Integration.objects.none()
    of_team = distinct_values(Connection, "integration", team=actor.team.pk)
    visible = Connection.objects.visible_to(actor).filter(integration=OuterRef("pk"))
    return Integration.objects.filter(exists_for_row(visible), pk__in=of_team)


def with_counts(integrations: Iterable[Integration], totals: Totals) -> list[Integration]:
    """The rows, each with `Counts`. They come from `IntegrationQuerySet.with_setup`."""
    rows = list(integrations)
    for row in rows:
        connected, attention = totals.get(row.pk, (0, 0))
        vars(row).update(connected=connected, attention=attention)
    return rows


def listable(actor: Actor, totals: Totals) -> IntegrationQuerySet:
    """The integrations to list: enabled ones, and disabled ones that still have connections.

    A custom API is listed once its authentication is configured.
    """
    described = Q(team=None) | Q(definition__isnull=False)
    rows = Integration.objects.visible_to(actor).with_setup(actor)
    return rows.filter(described, Q(is_enabled=True) | Q(pk__in=list(totals)))


def listed(actor: Actor) -> list[Integration]:
    """The integrations to list by name, with counts."""
    totals = totals_for(actor)
    return with_counts(listable(actor, totals), totals)


def attention_first(integrations: Iterable[Integration]) -> list[Integration]:
    """Those that need attention, then connected ones, then those that are set up, then the rest, each by name."""

    def place(row: Integration) -> tuple[int, str, str]:
        counts = counts_of(row)
        tier = 0 if counts.attention else 1 if counts.connected else 2 if counts.is_set_up else 3
        return tier, row.name.casefold(), str(row.pk)

    return sorted(integrations, key=place)
