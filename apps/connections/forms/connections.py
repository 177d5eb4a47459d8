"""What people may ask of the pages of connections."""

from collections.abc import Iterable
from typing import Any

from django import forms

from apps.connections.models import Connection, Status
from apps.teams.actor import Actor


class DecisionForm(forms.Form):
    """What becomes of another account that answered a reconnect."""

    decision = forms.ChoiceField(choices=[("replace", "Replace"), ("new", "Add as new"), ("discard", "Discard")])


class SelectionForm(forms.Form):
    """The connections that were ticked in the list."""

    id = forms.TypedMultipleChoiceField(coerce=str, error_messages={"required": "Tick at least one connection first."})

    def __init__(self, data: Any, *, connections: Iterable[Connection]) -> None:
        super().__init__(data)
        field = self.fields["id"]
        assert isinstance(field, forms.TypedMultipleChoiceField)  # noqa: S101 - tells mypy what stands above
        field.choices = [(str(connection.pk), connection.name) for connection in connections]


class FilterForm(forms.Form):
    """The filters of Settings → Integrations. State lives in the URL; what makes no sense there filters nothing."""

    search = forms.CharField(required=False, max_length=100)
    status = forms.ChoiceField(required=False)
    owner = forms.ChoiceField(required=False)
    sharing = forms.ChoiceField(
        required=False, choices=[("", "Personal and shared"), ("personal", "Personal"), ("shared", "Shared")]
    )

    def __init__(self, data: Any, *, actor: Actor, connections: list[Connection]) -> None:
        super().__init__(data)
        self._actor = actor
        red = sum(connection.status == Status.NEEDS_ATTENTION for connection in connections)
        for name, choices in (
            ("status", _status_choices(red, len(connections) - red)),
            ("owner", _owner_choices(actor, connections)),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - tells mypy what stands above
            field.choices = choices

    @property
    def wanted(self) -> dict[str, str]:
        """The filters in force, by name: those that were given and make sense."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}

    def chosen(self, connections: list[Connection]) -> list[Connection]:
        """Those of the connections that pass the filters. Needs their workflows prefetched."""
        wanted = self.wanted
        return [connection for connection in connections if self._passes(connection, wanted)]

    def _passes(self, connection: Connection, wanted: dict[str, str]) -> bool:
        owner = wanted.get("owner", "")
        return (
            wanted.get("status", connection.status) == connection.status
            and (not owner or self._is_owner(connection, owner))
            and ("sharing" not in wanted or connection.is_shared == (wanted["sharing"] == "shared"))
            and wanted.get("search", "").casefold() in _words_of(connection)
        )

    def _is_owner(self, connection: Connection, owner: str) -> bool:
        mine = self._actor.user.pk if self._actor.user else None
        return connection.owner_id == mine if owner == "me" else str(connection.owner_id) == owner


def _words_of(connection: Connection) -> str:
    workflows = (str(workflow) for workflow in connection.workflows.all())
    words = (connection.name, connection.account_label, connection.integration.name, str(connection.owner), *workflows)
    return "\n".join(words).casefold()


def _status_choices(red: int, green: int) -> list[tuple[str, str]]:
    return [
        ("", "Any status"),
        (Status.NEEDS_ATTENTION, f"Needs attention ({red})"),
        (Status.ACTIVE, f"Active ({green})"),
    ]


def _owner_choices(actor: Actor, connections: list[Connection]) -> list[tuple[str, str]]:
    others = {str(one.owner_id): str(one.owner) for one in connections if actor.user and one.owner_id != actor.user.pk}
    return [("", "Any owner"), ("me", "Mine"), *sorted(others.items(), key=lambda pair: pair[1].casefold())]
