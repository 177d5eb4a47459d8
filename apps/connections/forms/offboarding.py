"""The decisions about the connections of a member who leaves or is removed."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django import forms

from apps.connections.models import Connection
from apps.connections.policy.access import may_hand_over
from apps.connections.services.offboarding import Decisions, heirs_of, owned_by
from apps.connections.services.usage import Workflow, others_with_access, workflows_of
from apps.teams.actor import Actor, member_actor
from apps.teams.forms import ServiceKeysField
from apps.teams.models import ApiKey, Membership, ServiceKeys, User

DISCONNECT = "disconnect"


@dataclass(frozen=True)
class Item:
    """A connection to decide about, with the workflows that stop and the people who lose access on disconnect."""

    connection: Connection
    heirs: list[tuple[str, str]]
    suggested: str
    workflows: list[Workflow] = field(default_factory=list)
    people: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"c-{self.connection.pk}"


def items_of(membership: Membership, actor: Actor | None, *, preferred: User | None = None) -> list[Item]:
    """Shared connections are suggested for handing over, preferably to `preferred`, personal ones for disconnecting."""
    heirs = heirs_of(membership)
    names = [(str(heir.pk), f"Hand over to {heir}") for heir in heirs]
    is_own = actor is None or actor.user is None or actor.user.pk == membership.user_id
    acting = member_actor(membership) if is_own or actor is None else actor
    first = preferred.pk if preferred and preferred.pk in {heir.pk for heir in heirs} else None
    items = []
    for connection in owned_by(membership):
        offered = names if may_hand_over(acting, connection) else []
        heir = str(first) if first else offered[0][0] if offered else DISCONNECT
        items.append(
            Item(
                connection=connection,
                heirs=offered,
                suggested=heir if connection.is_shared and offered else DISCONNECT,
                workflows=workflows_of([connection]),
                people=others_with_access(connection),
            )
        )
    return items


class OffboardingForm(forms.Form):
    """A field `c-<ID>` for each connection: the new owner's ID, or `disconnect`. All are required.

    With `api_keys`, the service keys that the member created, the field `service_keys` decides about them.
    """

    def __init__(self, data: Any, *, items: list[Item], api_keys: list[ApiKey]) -> None:
        super().__init__(data)
        self.items, self.api_keys = items, api_keys
        if api_keys:
            self.fields["service_keys"] = ServiceKeysField()
        for item in items:
            choices = [*item.heirs, (DISCONNECT, "Disconnect")]
            missing = f"Choose what to do with {item.connection.name}."
            self.fields[item.name] = forms.ChoiceField(
                choices=choices,
                initial=item.suggested,
                label=f"What to do with {item.connection.name} ({item.connection.integration.name})",
                error_messages={"required": missing, "invalid_choice": missing},
            )

    @property
    def rows(self) -> list[tuple[Item, forms.BoundField]]:
        return [(item, self[item.name]) for item in self.items]

    @property
    def keys_decision(self) -> ServiceKeys | None:
        """The decision about service keys, if there are any. The form must be valid."""
        chosen = self.cleaned_data.get("service_keys")
        return ServiceKeys(chosen) if chosen else None

    @property
    def decisions(self) -> Decisions:
        """The decisions as the offboarding service takes them. The form must be valid."""
        chosen = {item.connection.pk: self.cleaned_data[item.name] for item in self.items}
        return {pk: None if value == DISCONNECT else UUID(value) for pk, value in chosen.items()}
