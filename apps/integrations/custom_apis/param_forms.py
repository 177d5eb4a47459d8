"""The form of a connection parameter of a custom API."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.integrations.catalog.choices import pattern_of, values_in
from apps.integrations.custom_apis.params import LONGEST, PLAIN
from apps.integrations.errors import InvalidInput

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_MONO = {"autocomplete": "off", "spellcheck": "false", "class": "input--mono"}
_VALUE = re.compile(r"[A-Za-z0-9._~:/-]{1,100}", re.ASCII)
MAX_VALUES = 20


def _line(
    label: "StrOrPromise", hint: "StrOrPromise", *, longest: int, required: bool = False, mono: bool = True
) -> forms.CharField:
    attrs = dict(_MONO) if mono else {"autocomplete": "off"}
    widget = forms.TextInput(attrs=attrs)
    return forms.CharField(label=label, help_text=hint, required=required, max_length=longest, widget=widget)


class ParamForm(forms.Form):
    """Name, label and allowed values. A list of values and a pattern exclude each other."""

    name = _line(_("Name"), _("URLs use it as {name}, such as {region}."), longest=60, required=True)
    label = _line(_("Label"), _("The label of the field, such as Region."), longest=100, required=True, mono=False)
    hint = _line(_("Help (optional)"), _("Shown below the field."), longest=LONGEST["hint"], mono=False)
    values = forms.CharField(
        label=_("Allowed values (optional)"),
        help_text=_("One per line. Only these can be selected."),
        required=False,
        max_length=2_500,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "input--mono"}),
    )
    pattern = _line(
        _("Pattern (optional)"),
        _("A regular expression for the whole value. If empty: letters, digits and hyphens."),
        longest=LONGEST["pattern"],
    )
    example = _line(_("Example"), _("If empty: the default or the first allowed value."), longest=LONGEST["example"])
    default = _line(_("Default (optional)"), _("Used if nothing is entered."), longest=LONGEST["default"])
    required = forms.BooleanField(
        label=_("Required"), required=False, help_text=_("A parameter in a URL must be required or have a default.")
    )

    def __init__(self, data: Any = None, *, stored: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial=_initial(stored) if stored else {"required": True})

    def clean_values(self) -> list[str]:
        """Without repetition."""
        values = list(dict.fromkeys(line.strip() for line in self.cleaned_data["values"].splitlines() if line.strip()))
        if len(values) > MAX_VALUES:
            raise forms.ValidationError(gettext("Enter at most %(max_values)s values.") % {"max_values": MAX_VALUES})
        if invalid := [value for value in values if not _VALUE.fullmatch(value)]:
            raise forms.ValidationError(
                gettext("%(invalid)s cannot be part of a URL: use letters, digits and . _ ~ : / -")
                % {"invalid": invalid[0][:40]}
            )
        return values

    def clean(self) -> dict[str, Any]:
        """Either values or a pattern, and an example."""
        cleaned = super().clean() or {}
        values, default = cleaned.get("values"), cleaned.get("default", "")
        if values and cleaned.get("pattern"):
            self.add_error("pattern", gettext("Enter allowed values or a pattern, not both."))
        elif values:
            for name in ("default", "example"):
                if cleaned.get(name) and cleaned[name] not in values:
                    self.add_error(name, gettext("This is not one of the allowed values."))
        elif not cleaned.get("example") and not default and "values" in cleaned:
            self.add_error("example", gettext("Enter a valid value, such as eu."))
        return cleaned

    @property
    def param(self) -> dict[str, Any]:
        """The parameter, as the service takes it."""
        cleaned = self.cleaned_data
        values = cleaned["values"]
        return {
            "name": cleaned["name"],
            "label": cleaned["label"],
            "pattern": pattern_of(values) if values else cleaned["pattern"] or PLAIN,
            "example": cleaned["example"] or cleaned["default"] or values[0],
            "default": cleaned["default"],
            "hint": cleaned["hint"],
            "optional": not cleaned["required"],
        }

    def show(self, error: InvalidInput) -> None:
        """Add each message to its field; those about other parameters or settings to the form."""
        for name, message in error.errors:
            own = name.rpartition(".")[2]
            field = {"optional": "required", "params": "name"}.get(own, own)
            if field == "pattern" and self.cleaned_data.get("values"):
                field = "values"
            self.add_error(field if name.startswith("params") and field in self.fields else None, message)


def _initial(stored: Mapping[str, Any]) -> dict[str, Any]:
    values = values_in(stored["pattern"])
    return {
        **stored,
        "values": "\n".join(values),
        "pattern": "" if values or stored["pattern"] == PLAIN else stored["pattern"],
        "required": not stored.get("optional"),
    }
