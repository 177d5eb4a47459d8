"""The forms of the pages of connections."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django import forms
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Lower

from apps.connections.models import Connection, WorkflowUse
from apps.connections.policy.state import IN_STATE, State
from apps.integrations.models import Integration
from apps.teams.actor import Actor
from apps.teams.models import User


class DecisionForm(forms.Form):
    """What to do after a reconnect with another account."""

    decision = forms.ChoiceField(choices=[("replace", "Replace"), ("new", "Add as new"), ("discard", "Discard")])


class SelectionForm(forms.Form):
    """The connections that are selected in the list."""

    id = forms.TypedMultipleChoiceField(coerce=str, error_messages={"required": "Select at least one connection."})

    def __init__(self, data: Any, *, connections: Iterable[Connection]) -> None:
        super().__init__(data)
        field = self.fields["id"]
        assert isinstance(field, forms.TypedMultipleChoiceField)  # noqa: S101 - narrows the type for mypy
        field.choices = [(str(connection.pk), connection.name) for connection in connections]


class FilterForm(forms.Form):
    """The filters and the order of a list of connections, from the query string; invalid values are ignored."""

    SORTS: ClassVar[list[str]] = ["service", "account", "owner", "used"]

    search = forms.CharField(required=False, max_length=100)
    status = forms.ChoiceField(required=False)
    service = forms.ChoiceField(required=False)
    owner = forms.ChoiceField(required=False)
    sharing = forms.ChoiceField(
        required=False, choices=[("", "Personal and shared"), ("personal", "Personal"), ("shared", "Shared")]
    )
    sort = forms.ChoiceField(
        required=False, choices=[(f"{sign}{key}", key) for key in SORTS for sign in ("", "-")], widget=forms.HiddenInput
    )

    def __init__(self, data: Any, *, actor: Actor, connections: QuerySet[Connection]) -> None:
        super().__init__(data)
        self._actor, self._connections = actor, connections
        by_state = {state.value: Count("pk", filter=query) for state, query in IN_STATE.items()}
        counts = connections.aggregate(total=Count("pk"), **by_state)
        self.total, self.attention = counts["total"], counts[State.NEEDS_ATTENTION]
        self.unverified = counts[State.UNVERIFIED]
        self._set_choices("status", _status_choices(counts))
        self._set_choices("service", _service_choices(connections))
        self._set_choices("owner", _owner_choices(actor, connections))

    def _set_choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - narrows the type for mypy
        field.choices = choices

    @property
    def filters(self) -> dict[str, str]:
        """The values in effect by name: those that are set and valid."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}

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
            query &= _contains(filters["search"])
        return self._connections.filter(query)


class ListForm(FilterForm):
    """The filters of Settings → Integrations, and the groups of its table."""

    group = forms.ChoiceField(
        required=False,
        choices=[
            ("", "Group by service"),
            ("owner", "Group by owner"),
            ("status", "Group by status"),
            ("none", "No groups"),
        ],
    )


def _contains(text: str) -> Q:
    workflows = WorkflowUse.objects.filter(connection=OuterRef("pk"))
    return Q(
        Q(name__icontains=text)
        | Q(account_label__icontains=text)
        | Q(integration__name__icontains=text)
        | Q(owner__name__icontains=text)
        | Q(owner__email__icontains=text)
        | Q(Exists(workflows.filter(Q(name__icontains=text) | Q(workflow_id__icontains=text))))
    )


def _status_choices(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    states = (State.NEEDS_ATTENTION, State.UNVERIFIED, State.WORKING)
    return [("", "Any status"), *((state.value, f"{state.label} ({counts[state]})") for state in states)]


def _service_choices(connections: QuerySet[Connection]) -> list[tuple[str, str]]:
    services = Integration.objects.filter(pk__in=connections.values("integration")).order_by(Lower("name"))
    return [("", "Any service"), *services.values_list("slug", "name")]


def _owner_choices(actor: Actor, connections: QuerySet[Connection]) -> list[tuple[str, str]]:
    owners = User.objects.filter(pk__in=connections.values("owner"))
    others = [(str(user.pk), str(user)) for user in owners if actor.user is None or user.pk != actor.user.pk]
    return [("", "Any owner"), ("me", "Mine"), *sorted(others, key=lambda pair: pair[1].casefold())]
