"""The filters of the operators' list of connections. None of them counts or reads the whole table."""

from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.audit.admin_filters import TextFilter
from apps.connections.messages import REASONS, short_reason
from apps.connections.models import Connection
from apps.connections.policy.state import IN_STATE, State
from apps.integrations.models import Integration
from apps.teams.models import Team, User

# The rows among which the most frequent values are counted, and how many of these are offered as links.
SAMPLE, OFFERED = 1000, 5


class StateFilter(admin.SimpleListFilter):
    """The state as everywhere in the product."""

    title = _("status")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, state.label) for state in (State.NEEDS_ATTENTION, State.UNVERIFIED, State.WORKING)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        state = next((each for each in IN_STATE if each.value == self.value()), None)
        if state is None:
            return queryset
        # All that need attention have a reason, by which an index finds them.
        red = ~Q(status_reason="") if state is State.NEEDS_ATTENTION else Q()
        return queryset.filter(IN_STATE[state] & red)


class ReasonFilter(admin.SimpleListFilter):
    """Why a connection needs attention, with the number of connections, which a partial index counts."""

    title = _("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        found = dict(red_by_reason())
        if self.value() in REASONS:
            found.setdefault(str(self.value()), 0)
        return [(reason, f"{short_reason(reason)} ({count:,})") for reason, count in found.items()]

    def has_output(self) -> bool:
        return bool(self.lookup_choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        return queryset.filter(status_reason=self.value()) if self.value() else queryset


class KindFilter(admin.SimpleListFilter):
    """How the service authenticates."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in Integration.Kind.choices if value != Integration.Kind.NONE]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        return queryset.filter(integration__kind=self.value()) if self.value() else queryset


class ServiceFilter(TextFilter):
    """Connections of services by a part of the name, or the slug."""

    title = _("service")
    parameter_name = "service"
    placeholder = _("Name of a service")

    def matching(self, text: str, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        exact = Integration.objects.filter(Q(slug=text) | Q(name__iexact=text)).values_list("pk", flat=True)
        found = list(exact[: self.MOST_MATCHING]) or list(
            Integration.objects.filter(name__icontains=text).values_list("pk", flat=True)[: self.MOST_MATCHING]
        )
        return queryset.filter(integration__in=found)

    def suggestions(self) -> Iterable[str]:
        return Integration.objects.filter(team=None).order_by("name").values_list("name", flat=True)

    def links(self) -> Iterable[tuple[str, str]]:
        return _most_frequent("integration__name")


class TeamFilter(TextFilter):
    """Connections of teams by a part of the name, or the ID."""

    title = _("team")
    parameter_name = "team"
    placeholder = _("Name of a team")

    def matching(self, text: str, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        teams = Team.objects.filter(pk=key) if (key := _uuid(text)) else Team.objects.filter(name__icontains=text)
        return queryset.filter(team__in=list(teams.values_list("pk", flat=True)[: self.MOST_MATCHING]))

    def display(self) -> str:
        key = _uuid(self.value())
        return str(Team.objects.filter(pk=key).first() or "") if key else super().display()

    def links(self) -> Iterable[tuple[str, str]]:
        return _most_frequent("team__name")


class OwnerFilter(TextFilter):
    """Connections of a person by e-mail address, or the ID, which links from a person use."""

    title = _("owner")
    parameter_name = "owner"
    placeholder = _("Name or e-mail address")

    def matching(self, text: str, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        named = User.objects.filter(Q(email__icontains=text) | Q(name__icontains=text))
        people = User.objects.filter(pk=key) if (key := _uuid(text)) else named
        return queryset.filter(owner__in=list(people.values_list("pk", flat=True)[: self.MOST_MATCHING]))

    def display(self) -> str:
        key = _uuid(self.value())
        return str(User.objects.filter(pk=key).first() or "") if key else super().display()


def red_by_reason() -> list[tuple[str, int]]:
    """The number of connections that need attention by reason, most first: a partial index has just these."""
    red = Connection.objects.exclude(status_reason="").order_by()
    found = red.values_list("status_reason").annotate(n=Count("*"))
    return sorted(found, key=lambda pair: -pair[1])


def _most_frequent(name: str) -> list[tuple[str, str]]:
    """The most frequent values of `name` (a text) among SAMPLE connections, as (text, label)."""
    sample = Connection.objects.order_by("pk").values_list(name, flat=True)[:SAMPLE]
    return [(text, text) for text, _ in Counter(sample).most_common(OFFERED)]


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
