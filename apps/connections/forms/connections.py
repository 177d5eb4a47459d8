"""The forms of the pages of connections."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Lower
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.connections.models import Connection, WorkflowUse
from apps.connections.policy.state import IN_STATE, State
from apps.integrations.models import Integration
from apps.teams.actor import Actor
from apps.teams.models import User

# Owners that the filter offers; of more, none, since the list would outweigh the page.
OWNERS = 50


class DecisionForm(forms.Form):
    """What to do after a reconnect with another account."""

    decision = forms.ChoiceField(
        choices=[("replace", _("Replace")), ("new", _("Add as new")), ("discard", _("Discard"))]
    )


class SelectionForm(forms.Form):
    """The connections that are selected in the list."""

    id = forms.TypedMultipleChoiceField(coerce=str, error_messages={"required": _("Select at least one connection.")})

    def __init__(self, data: Any, *, connections: Iterable[Connection]) -> None:
        super().__init__(data)
        field = self.fields["id"]
        assert isinstance(field, forms.TypedMultipleChoiceField)  # noqa: S101 - narrows the type for mypy
        field.choices = [(str(connection.pk), connection.name) for connection in connections]


class FilterForm(forms.Form):
    """The filters and the order of a list of connections, from the query string; invalid values are ignored."""

    SORTS: ClassVar[list[str]] = ["service", "account", "owner", "used"]

    search = forms.CharField(label=_("Search"), required=False, max_length=100)
    status = forms.ChoiceField(label=_("Status"), required=False)
    service = forms.ChoiceField(label=_("Service"), required=False)
    owner = forms.ChoiceField(label=_("Owner"), required=False)
    sharing = forms.ChoiceField(
        label=_("Sharing"),
        required=False,
        choices=[("", _("Personal and shared")), ("personal", _("Personal")), ("shared", _("Shared"))],
    )
    sort = forms.ChoiceField(
        required=False, choices=[(f"{sign}{key}", key) for key in SORTS for sign in ("", "-")], widget=forms.HiddenInput
    )

    def __init__(self, data: Any, *, actor: Actor, connections: QuerySet[Connection]) -> None:
        super().__init__(data)
        self._actor, self._connections = actor, connections
        self._counted = _counted(connections)
        self.total, self.attention, self.unverified = (
            sum(column) for column in zip((0, 0, 0), *self._counted.values(), strict=True)
        )
        self._by_state: dict[str, int] = {State.NEEDS_ATTENTION: self.attention, State.UNVERIFIED: self.unverified}
        self._by_state[State.WORKING] = self.total - sum(self._by_state.values())
        self._set_choices("status", _status_choices(self._by_state))
        self._services = _services(self._counted)
        services = [(service.slug, service.name) for service in self._services]
        self._set_choices("service", [("", gettext("Any service")), *services])
        self._set_choices("owner", _owner_choices(actor, self.data.get("owner", "")))

    def _set_choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - narrows the type for mypy
        field.choices = choices

    @property
    def filters(self) -> dict[str, str]:
        """The values in effect by name: those that are set and valid."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}

    @property
    def known_count(self) -> int | None:
        """The number of matches, if it was counted already: without filters, or with a status or a service only."""
        match self._narrowing:
            case {"status": status, **others} if not others:
                return self._by_state[status]
            case {"service": slug, **others} if not others:
                return sum(self._counted[service.pk][0] for service in self._services if service.slug == slug)
        return None if self._narrowing else self.total

    @property
    def _narrowing(self) -> dict[str, str]:
        """The filters in effect, without the order."""
        return {name: value for name, value in self.filters.items() if name not in ("sort", "group")}

    def matching(self) -> QuerySet[Connection]:
        """The connections that match the filters, in no order."""
        filters = self.filters
        query = Q()
        if "status" in filters:
            query &= IN_STATE[State(filters["status"])]
        if "service" in filters:
            query &= Q(integration__slug=filters["service"])
        if "owner" in filters:
            query &= Q(owner=self._actor.user if filters["owner"] == "me" else filters["owner"])
        if "sharing" in filters:
            query &= Q(is_shared=filters["sharing"] == "shared")
        if "search" in filters:
            query &= _contains(filters["search"], self._actor)
        return self._connections.filter(query)


class ListForm(FilterForm):
    """The filters of Settings → Integrations, and the groups of its table."""

    group = forms.ChoiceField(
        label=_("Groups"),
        required=False,
        choices=[
            ("", _("Group by service")),
            ("owner", _("Group by owner")),
            ("status", _("Group by status")),
            ("none", _("No groups")),
        ],
    )


def _contains(text: str, actor: Actor) -> Q:
    """Matches of the name, account, service, owner or a workflow.

    Owners are looked up once, among the members: no member leaves a team while owning connections in it.
    """
    services = Integration.objects.filter(name__icontains=text).order_by().values("pk")
    named = User.objects.filter(Q(name__icontains=text) | Q(email__icontains=text), memberships__team=actor.team)
    owners = named.order_by().values("pk")
    # Not all rows have a team yet.
    of_team = Q(team=actor.team) | Q(team=None)
    uses = WorkflowUse.objects.filter(of_team, Q(name__icontains=text) | Q(workflow_id__icontains=text))
    of_itself = Q(name__icontains=text) | Q(account_label__icontains=text) | Q(integration__in=services)
    return of_itself | Q(owner__in=owners) | Q(pk__in=uses.order_by().values("connection"))


def _status_choices(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    states = (State.NEEDS_ATTENTION, State.UNVERIFIED, State.WORKING)
    return [("", gettext("Any status")), *((state.value, f"{state.label} ({counts[state]})") for state in states)]


def _counted(connections: QuerySet[Connection]) -> dict[UUID, tuple[int, int, int]]:
    """By the integration's ID: all, those that need attention, those that are not verified yet. One pass over them."""
    counts = {
        "n": Count("pk"),
        "red": Count("pk", filter=IN_STATE[State.NEEDS_ATTENTION]),
        "unverified": Count("pk", filter=IN_STATE[State.UNVERIFIED]),
    }
    rows = connections.order_by().values_list("integration").annotate(**counts)
    return {integration: (n, red, unverified) for integration, n, red, unverified in rows}


def _services(integrations: Iterable[UUID]) -> list[Integration]:
    services = Integration.objects.filter(pk__in=list(integrations)).order_by(Lower("name"))
    return list(services.only("slug", "name", "kind", "team_id"))


def _owner_choices(actor: Actor, chosen: str) -> list[tuple[str, str]]:
    """The actor and the team's other members; if there are many, only the chosen one. Search finds them all by name."""
    others = User.objects.filter(memberships__team=actor.team)
    if actor.user is not None:
        others = others.exclude(pk=actor.user.pk)
    if others.order_by()[: OWNERS + 1].count() > OWNERS:
        offered = [owner for owner in [_member(others, chosen)] if owner]
    else:
        offered = list(others.order_by(Lower("name"), "email"))
    names = sorted(((str(user.pk), str(user)) for user in offered), key=lambda pair: pair[1].casefold())
    return [("", gettext("Any owner")), ("me", gettext("Mine")), *names]


def _member(members: QuerySet[User], pk: str) -> User | None:
    try:
        return members.filter(pk=UUID(pk)).first()
    except ValueError:
        return None
