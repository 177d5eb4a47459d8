"""The forms of the pages of connections."""

from collections.abc import Iterable
from typing import Any

from django import forms

from apps.connections.models import Connection, Status
from apps.teams.actor import Actor


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
    """The filters of Settings → Integrations, from the query string; invalid values are ignored."""

    search = forms.CharField(required=False, max_length=100)
    status = forms.ChoiceField(required=False)
    owner = forms.ChoiceField(required=False)
    sharing = forms.ChoiceField(
        required=False, choices=[("", "Personal and shared"), ("personal", "Personal"), ("shared", "Shared")]
    )

    def __init__(self, data: Any, *, actor: Actor, connections: list[Connection]) -> None:
        super().__init__(data)
        self._actor = actor
        attention = sum(connection.status == Status.NEEDS_ATTENTION for connection in connections)
        for name, choices in (
            ("status", _status_choices(attention, len(connections) - attention)),
            ("owner", _owner_choices(actor, connections)),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - narrows the type for mypy
            field.choices = choices

    @property
    def filters(self) -> dict[str, str]:
        """The filters in effect by name: those that are set and valid."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}

    def matching(self, connections: list[Connection]) -> list[Connection]:
        """The connections that match the filters. Needs their workflows prefetched."""
        filters = self.filters
        return [connection for connection in connections if self._matches(connection, filters)]

    def _matches(self, connection: Connection, filters: dict[str, str]) -> bool:
        owner = filters.get("owner", "")
        return (
            filters.get("status", connection.status) == connection.status
            and (not owner or self._is_owner(connection, owner))
            and ("sharing" not in filters or connection.is_shared == (filters["sharing"] == "shared"))
            and filters.get("search", "").casefold() in _searchable_text(connection)
        )

    def _is_owner(self, connection: Connection, owner: str) -> bool:
        mine = self._actor.user.pk if self._actor.user else None
        return connection.owner_id == mine if owner == "me" else str(connection.owner_id) == owner


def _searchable_text(connection: Connection) -> str:
    workflows = (str(workflow) for workflow in connection.workflows.all())
    parts = (connection.name, connection.account_label, connection.integration.name, str(connection.owner), *workflows)
    return "\n".join(parts).casefold()


def _status_choices(attention: int, active: int) -> list[tuple[str, str]]:
    return [
        ("", "Any status"),
        (Status.NEEDS_ATTENTION, f"Needs attention ({attention})"),
        (Status.ACTIVE, f"Active ({active})"),
    ]


def _owner_choices(actor: Actor, connections: list[Connection]) -> list[tuple[str, str]]:
    others = {str(one.owner_id): str(one.owner) for one in connections if actor.user and one.owner_id != actor.user.pk}
    return [("", "Any owner"), ("me", "Mine"), *sorted(others.items(), key=lambda pair: pair[1].casefold())]
