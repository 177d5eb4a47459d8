"""Forms for credentials that people enter. An entered secret is never rendered again."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.integrations.catalog.key_schema import Field
from apps.integrations.catalog.schema import CatalogEntry, Param
from apps.integrations.errors import InvalidInput
from apps.sentences import translated
from apps.vault.forms import SecretFormField, WriteOnlySecretWidget

_FIELD, _PARAM = "field.", "param."
_PLAIN = {"autocomplete": "off", "spellcheck": "false"}


class _KeyForm(forms.Form):
    def values(self, prefix: str) -> dict[str, str]:
        """The values of the fields whose names start with `prefix`, by the rest of the name."""
        cleaned: Mapping[str, Any] = self.cleaned_data
        return {name.removeprefix(prefix): value for name, value in cleaned.items() if name.startswith(prefix)}

    @property
    def key_fields(self) -> dict[str, str]:
        return self.values(_FIELD)

    @property
    def params(self) -> dict[str, str]:
        return self.values(_PARAM)

    def show(self, error: InvalidInput) -> None:
        """Add each message to its field."""
        for name, message in error.errors:
            self.add_error(name if name in self.fields else None, message)


class ConnectKeyForm(_KeyForm):
    """The parameters and fields of the service, and a name for the connection."""

    def __init__(self, entry: CatalogEntry, data: Any = None) -> None:
        super().__init__(data)
        for param in entry.params_from("user"):
            self.fields[_PARAM + param.name] = _param_field(param)
        for field in entry.fields:
            self.fields[_FIELD + field.name] = _key_field(field, is_new=True)
        self.fields["name"] = forms.CharField(
            label=gettext("Name (optional)"),
            required=False,
            max_length=200,
            help_text=gettext("Defaults to the name of the account."),
            widget=forms.TextInput(attrs={"autocomplete": "off"}),
        )
        if entry.fields:
            self.fields["expires_on"] = _end_field()


class ReplaceKeyForm(_KeyForm):
    """New values for the fields, and for the parameters in `wanted`. With `is_kept`, an empty field keeps its stored
    value."""

    def __init__(self, entry: CatalogEntry, data: Any, *, wanted: Sequence[Param], is_kept: bool) -> None:
        super().__init__(data)
        self.wanted = wanted
        for param in wanted:
            self.fields[_PARAM + param.name] = _param_field(param)
        for field in entry.fields:
            # Where there are several fields, only one may have changed.
            is_new = not is_kept or len(entry.fields) == 1
            self.fields[_FIELD + field.name] = _key_field(field, is_new=is_new)
        if entry.fields:
            self.fields["expires_on"] = _end_field()


class KeyEndForm(forms.Form):
    """When the stored key ends at the service."""

    expires_on = forms.DateField(
        label=_("Key ends on"),
        required=False,
        help_text=_("As the service shows it. Empty if it does not end."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


class ValuesForm(_KeyForm):
    """Parameters that the service requires and the connection has no value for."""

    def __init__(self, wanted: Sequence[Param], data: Any = None) -> None:
        super().__init__(data)
        for param in wanted:
            self.fields[_PARAM + param.name] = _param_field(param)


def _end_field() -> forms.DateField:
    return forms.DateField(
        label=gettext("Key ends on (optional)"),
        required=False,
        help_text=gettext("If the service shows a date. You are reminded 30, 7 and 1 days before."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        validators=[_not_past],
    )


def _not_past(on: date) -> None:
    if on < timezone.now().date():
        raise forms.ValidationError(gettext("Enter a day that is not in the past."))


def _key_field(field: Field, *, is_new: bool) -> forms.Field:
    example = (
        "" if not field.example or field.secret else gettext("For example %(example)s.") % {"example": field.example}
    )
    options: dict[str, Any] = {
        "label": translated(field.label),
        "required": is_new,
        "help_text": " ".join(filter(None, [translated(field.hint), example])),
        "error_messages": {"required": gettext("Enter %(label)s.") % {"label": translated(field.label)}},
    }
    if not field.secret:
        return forms.CharField(**options, widget=forms.TextInput(attrs={**_PLAIN, "class": "input--mono"}))
    return SecretFormField(**options, widget=WriteOnlySecretWidget(attrs={"class": "input--mono"}))


def _param_field(param: Param) -> forms.Field:
    message = gettext("%(label)s must look like %(example)s.") % {
        "label": translated(param.label),
        "example": param.example,
    }
    required = gettext("Enter %(label)s, such as %(example)s.") % {
        "label": translated(param.label),
        "example": param.example,
    }
    options: dict[str, Any] = {
        "label": gettext("%(label)s (optional)") % {"label": translated(param.label)}
        if param.optional
        else translated(param.label),
        "required": not (param.optional or param.default),
        "initial": param.default,
    }
    attrs = {"data-param": param.name, "data-pattern": param.pattern, "data-message": message}
    if param.choices:
        choices = [] if param.default else [("", gettext("Choose one"))]
        return forms.ChoiceField(
            **options,
            choices=[*choices, *((value, value) for value in param.choices)],
            help_text=translated(param.hint),
            error_messages={"required": required, "invalid_choice": message},
            widget=forms.Select(attrs=attrs),
        )
    return forms.CharField(
        **options,
        max_length=300,
        help_text=_hint(param),
        error_messages={"required": required},
        widget=forms.TextInput(attrs={**_PLAIN, **attrs}),
    )


def _hint(param: Param) -> str:
    example = gettext("For example %(example)s.") % {"example": param.example}
    return f"{translated(param.hint)} {example}".strip()
