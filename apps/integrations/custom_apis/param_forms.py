"""The form of one value that connections to a team's own API are asked for."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms

from apps.integrations.catalog.choices import pattern_of, values_in
from apps.integrations.custom_apis.params import LONGEST, PLAIN
from apps.integrations.errors import InvalidInput

_MONO = {"autocomplete": "off", "spellcheck": "false", "class": "input--mono"}
_VALUE = re.compile(r"[A-Za-z0-9._~:/-]{1,100}", re.ASCII)
MAX_VALUES = 20


def _line(label: str, hint: str, *, longest: int, required: bool = False, mono: bool = True) -> forms.CharField:
    attrs = dict(_MONO) if mono else {"autocomplete": "off"}
    widget = forms.TextInput(attrs=attrs)
    return forms.CharField(label=label, help_text=hint, required=required, max_length=longest, widget=widget)


class ParamForm(forms.Form):
    """A name, what people read, and what they may enter. Allowed values and a pattern exclude each other."""

    name = _line("Name", "It stands as {name} in addresses, such as {region}.", longest=60, required=True)
    label = _line("Label", "What people read above the field, such as Region.", longest=100, required=True, mono=False)
    hint = _line("Help (optional)", "One line below the field.", longest=LONGEST["hint"], mono=False)
    values = forms.CharField(
        label="Allowed values (optional)",
        help_text="One per line. Only these can be entered.",
        required=False,
        max_length=2_500,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "input--mono"}),
    )
    pattern = _line(
        "Pattern (optional)",
        "A regular expression for the whole value, where it may be more than letters, digits and hyphens.",
        longest=LONGEST["pattern"],
    )
    example = _line("Example", "Left empty, the default or the first allowed value.", longest=LONGEST["example"])
    default = _line("Default (optional)", "Taken where nothing is entered.", longest=LONGEST["default"])
    required = forms.BooleanField(
        label="Required", required=False, help_text="What stands in an address is required, or has a default."
    )

    def __init__(self, data: Any = None, *, stored: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial=_initial(stored) if stored else {"required": True})

    def clean_values(self) -> list[str]:
        """Each once."""
        given = list(dict.fromkeys(line.strip() for line in self.cleaned_data["values"].splitlines() if line.strip()))
        if len(given) > MAX_VALUES:
            raise forms.ValidationError(f"Enter at most {MAX_VALUES} values.")
        if wrong := [value for value in given if not _VALUE.fullmatch(value)]:
            raise forms.ValidationError(
                f"{wrong[0][:40]} cannot stand in an address: use letters, digits and . _ ~ : / -"
            )
        return given

    def clean(self) -> dict[str, Any]:
        """One way to say what may be entered, and an example of it."""
        cleaned = super().clean() or {}
        values, default = cleaned.get("values"), cleaned.get("default", "")
        if values and cleaned.get("pattern"):
            self.add_error("pattern", "Enter allowed values or a pattern, not both.")
        elif values:
            for name in ("default", "example"):
                if cleaned.get(name) and cleaned[name] not in values:
                    self.add_error(name, "This is not one of the allowed values.")
        elif not cleaned.get("example") and not default and "values" in cleaned:
            self.add_error("example", "Enter a value that fits, such as eu.")
        return cleaned

    @property
    def param(self) -> dict[str, Any]:
        """What was entered, as the service takes it."""
        given = self.cleaned_data
        values = given["values"]
        return {
            "name": given["name"],
            "label": given["label"],
            "pattern": pattern_of(values) if values else given["pattern"] or PLAIN,
            "example": given["example"] or given["default"] or values[0],
            "default": given["default"],
            "hint": given["hint"],
            "optional": not given["required"],
        }

    def show(self, wrong: InvalidInput) -> None:
        """Put each sentence beside its field; those about other parameters, or other things, above the form."""
        for name, sentence in wrong.errors:
            own = name.rpartition(".")[2]
            field = {"optional": "required", "params": "name"}.get(own, own)
            if field == "pattern" and self.cleaned_data.get("values"):
                field = "values"
            self.add_error(field if name.startswith("params") and field in self.fields else None, sentence)


def _initial(stored: Mapping[str, Any]) -> dict[str, Any]:
    values = values_in(stored["pattern"])
    return {
        **stored,
        "values": "\n".join(values),
        "pattern": "" if values or stored["pattern"] == PLAIN else stored["pattern"],
        "required": not stored.get("optional"),
    }
