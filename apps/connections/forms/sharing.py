"""The forms for sharing and handing over a connection."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.connections.models import Level
from apps.connections.policy.sharing import PERSONAL, Sharing
from apps.teams.forms import LongSelect
from apps.teams.models import Membership

# The members whose rows the form shows at once. The others are found by a search, and keep what they have.
MOST_MEMBERS = 50


@dataclass(frozen=True)
class MemberRow:
    """A member in the form: whether selected, and the level of their own ("" for the common one)."""

    member: Membership
    is_selected: bool
    level: str

    @property
    def key(self) -> str:
        return str(self.member.user_id)


class SharingForm(forms.Form):
    """`shared`, with `who` (everyone or selected members) and a common `level`.

    `member` holds the selected IDs; `level-<ID>` is a member's own level, or empty for the common one. `shown` holds
    the IDs of the members that the form was about: others keep their share. Without it, the form is about everyone.
    """

    shared = forms.BooleanField(required=False)
    level = forms.ChoiceField(choices=Level.choices, required=False, initial=Level.USE)
    who = forms.ChoiceField(choices=[("everyone", _("Everyone")), ("chosen", _("Selected members"))], required=False)
    member = forms.TypedMultipleChoiceField(coerce=UUID, required=False)

    def __init__(self, data: QueryDict | None, *, members: list[Membership], sharing: Sharing) -> None:
        super().__init__(data)
        self._members, self._now = members, sharing
        field = self.fields["member"]
        assert isinstance(field, forms.TypedMultipleChoiceField)  # noqa: S101 - narrows the type for mypy
        field.choices = [(str(one.user_id), str(one.user)) for one in members]
        for one in members:
            own = forms.ChoiceField(choices=[("", _("As above")), *Level.choices], required=False)
            self.fields[f"level-{one.user_id}"] = own

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if data.get("shared") and "member" in data:
            if data.get("who") == "chosen" and not data["member"] and not self._kept(Level.USE):
                self.add_error("member", gettext("Select at least one member, or everyone in the team."))
            if not data.get("level"):
                self.add_error("level", gettext("Choose what members may do."))
        return data

    @property
    def sharing(self) -> Sharing:
        """The requested sharing. The form must be valid."""
        data = self.cleaned_data
        if not data["shared"]:
            return PERSONAL
        common = Level(data["level"])
        own = {user_id: Level(data[f"level-{user_id}"] or common) for user_id in data["member"]}
        own |= self._kept(common)
        if data["who"] == "chosen":
            return Sharing(None, own)
        # If everyone has access, only members with another level are listed.
        return Sharing(common, {user_id: level for user_id, level in own.items() if level != common})

    def _kept(self, common: Level) -> dict[UUID, Level]:
        """The levels of the members that the form is not about: their own, or the common one where they have none."""
        if "shown" not in self.data:
            return {}
        shown = submitted_members(self.data, "shown")
        kept = {user_id: level for user_id, level in self._now.members.items() if user_id not in shown}
        return {user_id: common if level == self._common else level for user_id, level in kept.items()}

    @property
    def _common(self) -> Level:
        """The level that the form shows for all, as the connection is shared now."""
        return self._now.everyone or min(self._now.members.values(), key=list(Level).index, default=Level.USE)

    @property
    def displayed(self) -> dict[str, Any]:
        """The values to display: as submitted, else the current sharing."""
        if self.is_bound:
            level, everyone = self.data.get("level") or Level.USE, self.data.get("who") != "chosen"
            shared = bool(self.data.get("shared"))
        else:
            level, shared = self._common.value, self._now.is_shared
            everyone = self._now.everyone is not None or not self._now.members
        rows = [self._row(one) for one in self._members]
        return {"shared": shared, "level": level, "everyone": everyone, "rows": rows, "choices": Level.choices}

    def _row(self, member: Membership) -> MemberRow:
        key = str(member.user_id)
        stored = self._stored_row(member)
        if not self.is_bound or key not in cast(QueryDict, self.data).getlist("shown"):
            return stored
        selected = key in cast(QueryDict, self.data).getlist("member")
        return MemberRow(member, selected, self.data.get(f"level-{key}", ""))

    def _stored_row(self, member: Membership) -> MemberRow:
        own = self._now.members.get(member.user_id)
        return MemberRow(member, own is not None, "" if own in (None, self._common) else str(own))

    @property
    def changed(self) -> list[MemberRow]:
        """The rows that differ from the current sharing."""
        return [row for row in map(self._row, self._members) if row != self._stored_row(row.member)]

    @property
    def submitted(self) -> list[tuple[str, str]]:
        """The submitted fields, as hidden fields of the confirmation."""
        names = ["shared", "level", "who", "member", "shown", *(f"level-{one.user_id}" for one in self._members)]
        data = cast(QueryDict, self.data)
        return [(name, value) for name in names for value in data.getlist(name)]


def submitted_members(data: Any, *names: str) -> set[UUID]:
    """The IDs of members in these fields of a submitted form."""
    found = set()
    for text in (text for name in names for text in data.getlist(name)):
        with suppress(ValueError):
            found.add(UUID(text))
    return found


class HandOverForm(forms.Form):
    """The new owner."""

    owner = forms.TypedChoiceField(
        coerce=UUID, widget=LongSelect, error_messages={"required": _("Choose the new owner.")}
    )

    def __init__(self, data: Any, *, members: list[Membership]) -> None:
        super().__init__(data)
        field = self.fields["owner"]
        assert isinstance(field, forms.TypedChoiceField)  # noqa: S101 - as above
        field.choices = [("", gettext("Choose a member")), *((str(one.user_id), str(one.user)) for one in members)]

    @property
    def to(self) -> UUID:
        user_id: UUID = self.cleaned_data["owner"]
        return user_id
