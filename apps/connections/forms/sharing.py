"""The forms for sharing and handing over a connection."""

from typing import Any, cast
from uuid import UUID

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.connections.models import Level
from apps.connections.policy.sharing import PERSONAL, Sharing
from apps.teams.models import Membership


class SharingForm(forms.Form):
    """`shared`, with `who` (everyone or selected members) and a common `level`.

    `member` holds the selected IDs; `level-<ID>` is a member's own level, or empty for the common one.
    """

    shared = forms.BooleanField(required=False)
    level = forms.ChoiceField(choices=Level.choices, required=False, initial=Level.USE)
    who = forms.ChoiceField(choices=[("everyone", _("Everyone")), ("chosen", _("Selected members"))], required=False)
    member = forms.TypedMultipleChoiceField(coerce=UUID, required=False)

    def __init__(self, data: Any, *, members: list[Membership], sharing: Sharing) -> None:
        super().__init__(data)
        self._members, self._now = members, sharing
        field = self.fields["member"]
        assert isinstance(field, forms.TypedMultipleChoiceField)  # noqa: S101 - narrows the type for mypy
        field.choices = [(str(one.user_id), str(one.user)) for one in members]
        for one in members:
            own = forms.ChoiceField(choices=[("", "As above"), *Level.choices], required=False)
            self.fields[f"level-{one.user_id}"] = own

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if data.get("shared") and "member" in data:
            if data.get("who") == "chosen" and not data["member"]:
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
        if data["who"] == "chosen":
            return Sharing(None, own)
        # If everyone has access, only members with another level are listed.
        return Sharing(common, {user_id: level for user_id, level in own.items() if level != common})

    @property
    def displayed(self) -> dict[str, Any]:
        """The values to display: as submitted, else the current sharing."""
        if self.is_bound:
            selected = cast(QueryDict, self.data).getlist("member")
            levels = {str(one.user_id): self.data.get(f"level-{one.user_id}", "") for one in self._members}
            level, everyone = self.data.get("level") or Level.USE, self.data.get("who") != "chosen"
            return self._state(bool(self.data.get("shared")), level, everyone, set(selected), levels)
        own = {str(user_id): level for user_id, level in self._now.members.items()}
        common = self._now.everyone or min(self._now.members.values(), key=list(Level).index, default=Level.USE)
        levels = {user_id: "" if level == common else level.value for user_id, level in own.items()}
        everyone = self._now.everyone is not None or not own
        return self._state(self._now.is_shared, common.value, everyone, set(own), levels)

    def _state(
        self, shared: bool, level: str, everyone: bool, selected: set[str], levels: dict[str, str]
    ) -> dict[str, Any]:
        rows = [(one, str(one.user_id) in selected, levels.get(str(one.user_id), "")) for one in self._members]
        return {"shared": shared, "level": level, "everyone": everyone, "rows": rows, "choices": Level.choices}

    @property
    def submitted(self) -> list[tuple[str, str]]:
        """The submitted fields, as hidden fields of the confirmation."""
        names = ["shared", "level", "who", "member", *(f"level-{one.user_id}" for one in self._members)]
        data = cast(QueryDict, self.data)
        return [(name, value) for name in names for value in data.getlist(name)]


class HandOverForm(forms.Form):
    """The new owner."""

    owner = forms.TypedChoiceField(coerce=UUID, error_messages={"required": _("Choose the new owner.")})

    def __init__(self, data: Any, *, members: list[Membership]) -> None:
        super().__init__(data)
        field = self.fields["owner"]
        assert isinstance(field, forms.TypedChoiceField)  # noqa: S101 - as above
        field.choices = [("", gettext("Choose a member")), *((str(one.user_id), str(one.user)) for one in members)]

    @property
    def to(self) -> UUID:
        user_id: UUID = self.cleaned_data["owner"]
        return user_id
