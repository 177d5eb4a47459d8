"""The decisions about the connections of a member who leaves or is removed."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext

from apps.connections.models import Connection
from apps.connections.policy.access import may_hand_over
from apps.connections.services.offboarding import Decisions, heirs_of, owned_by
from apps.connections.services.usage import (
    People,
    Workflow,
    names_of_members,
    others_with_access,
    workflows_by_connection,
)
from apps.teams.actor import Actor, member_actor
from apps.teams.forms import LongSelect, ServiceKeysField
from apps.teams.models import ApiKey, Membership, ServiceKeys, User

DISCONNECT, HEIR = "disconnect", "heir"
# From this number of connections on, or of more members than FEW_HEIRS, one person can be chosen for all of them.
MANY = 10
# Up to this number of members, each of them can be chosen for a single connection too.
FEW_HEIRS = 20


@dataclass(frozen=True)
class Item:
    """A connection to decide about, with the workflows that stop and the people who lose access on disconnect."""

    connection: Connection
    heirs: list[tuple[str, str]]
    suggested: str
    workflows: list[Workflow] = field(default_factory=list)
    people: People = field(default_factory=People)

    @property
    def name(self) -> str:
        return f"c-{self.connection.pk}"


def items_of(membership: Membership, actor: Actor | None, *, preferred: User | None = None) -> list[Item]:
    """Shared connections are suggested for handing over, preferably to `preferred`, personal ones for disconnecting."""
    heirs = heirs_of(membership)
    hand_over = gettext("Hand over to %(heir)s")  # once, whatever the size of the team
    names = [(str(heir.pk), hand_over % {"heir": heir}) for heir in heirs]
    is_own = actor is None or actor.user is None or actor.user.pk == membership.user_id
    acting = member_actor(membership) if is_own or actor is None else actor
    first = preferred.pk if preferred and preferred.pk in {heir.pk for heir in heirs} else None
    owned, members = owned_by(membership), names_of_members(membership.team_id)
    workflows, items = workflows_by_connection(owned), []
    for connection in owned:
        offered = names if may_hand_over(acting, connection) else []
        heir = str(first) if first else offered[0][0] if offered else DISCONNECT
        items.append(
            Item(
                connection=connection,
                heirs=offered,
                suggested=heir if connection.is_shared and offered else DISCONNECT,
                workflows=workflows.get(connection.pk, []),
                people=others_with_access(connection, members),
            )
        )
    return items


class OffboardingForm(forms.Form):
    """A field `c-<ID>` for each connection: the new owner's ID, or `disconnect`. All are required.

    With many connections, `heir` is the person who gets all those whose field is `heir`. With `api_keys`, the service
    keys that the member created, the field `service_keys` decides about them.
    """

    def __init__(self, data: Any, *, items: list[Item], api_keys: list[ApiKey]) -> None:
        super().__init__(data)
        self.items, self.api_keys = items, api_keys
        if api_keys:
            self.fields["service_keys"] = ServiceKeysField()
        is_long = any(len(item.heirs) > FEW_HEIRS for item in items)
        common = _heirs_of_all(items) if len(items) >= MANY or is_long else []
        if common:
            suggested = next((item.suggested for item in items if item.suggested != DISCONNECT), common[0][0])
            self.fields[HEIR] = forms.ChoiceField(
                choices=common,
                initial=suggested,
                required=False,
                label=gettext("For all connections below"),
                widget=LongSelect,
            )
        for item in items:
            missing = gettext("Choose what to do with %(connection)s.") % {"connection": item.connection.name}
            is_common = bool(common and item.heirs)
            self.fields[item.name] = forms.ChoiceField(
                choices=_choices(item, is_common=is_common),
                initial=HEIR if is_common and item.suggested != DISCONNECT else item.suggested,
                label=gettext("What to do with %(connection)s (%(integration)s)")
                % {"connection": item.connection.name, "integration": item.connection.integration.name},
                error_messages={"required": missing, "invalid_choice": missing},
            )

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if any(data.get(item.name) == HEIR for item in self.items) and not data.get(HEIR):
            self.add_error(HEIR, gettext("Choose who gets the connections that are handed over."))
        return data

    @property
    def heir(self) -> forms.BoundField | None:
        """The field of the person for all; None with few connections, or none that can be handed over."""
        return self[HEIR] if HEIR in self.fields else None

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
        chosen = {pk: self.cleaned_data[HEIR] if value == HEIR else value for pk, value in chosen.items()}
        return {pk: None if value == DISCONNECT else UUID(value) for pk, value in chosen.items()}


def _heirs_of_all(items: list[Item]) -> list[tuple[str, str]]:
    """Those to whom any of the connections can be handed over; none where they are of several teams."""
    offered = [item.heirs for item in items if item.heirs]
    return offered[0] if offered and all(heirs == offered[0] for heirs in offered) else []


def _choices(item: Item, *, is_common: bool) -> list[tuple[str, str]]:
    heirs = item.heirs if not is_common or len(item.heirs) <= FEW_HEIRS else []
    return [
        *([(HEIR, gettext("Hand over as chosen above"))] if is_common else []),
        *heirs,
        (DISCONNECT, gettext("Disconnect")),
    ]
