"""Forms of people, teams, invitations and API keys."""

from collections.abc import Container, Iterable
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import AbstractBaseUser
from django.forms.utils import flatatt
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.teams import keys
from apps.teams.models import ApiKey, Role, ServiceKeys

MAX_INVITATIONS = 20


def options_html(choices: Iterable[Any], chosen: Container[str]) -> SafeString:
    """The options of a select, of pairs of value and label; `chosen` has the values that are selected.

    Without `format_html`, which takes three times as long: there may be an option for each of a thousand members.
    """
    options = (
        f'<option value="{conditional_escape(value)}"{" selected" if str(value) in chosen else ""}>'
        f"{conditional_escape(label)}</option>"
        for value, label in choices
    )
    return mark_safe("".join(options))  # noqa: S308 - escaped


class LongSelect(forms.Select):
    """A select with hundreds of options, such as the members of a team: Django renders a template for each."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        options = options_html(self.choices, self.format_value(value))
        attributes = flatatt(self.build_attrs(self.attrs, {"name": name, **(attrs or {})}))
        return format_html("<select{}>{}</select>", attributes, options)


class SignupForm(forms.Form):
    """Adds the name to django-allauth's sign-up form."""

    name = forms.CharField(max_length=150, label=_("Your name"), widget=forms.TextInput(attrs={"autocomplete": "name"}))
    field_order = ["name", "email", "password1"]

    def signup(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Required by django-allauth. The adapter has stored the name already."""


class TeamForm(forms.Form):
    """A team's name."""

    name = forms.CharField(
        max_length=100, label=_("Name of the team"), widget=forms.TextInput(attrs={"autocomplete": "organization"})
    )


class RoleForm(forms.Form):
    """A member's role, among those that the actor may assign."""

    role = forms.ChoiceField(widget=forms.RadioSelect)

    def __init__(self, *args: Any, roles: list[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["role"]
        if isinstance(choice, forms.ChoiceField):
            choice.choices = [(role.value, role.label) for role in roles]


class ServiceKeysField(forms.ChoiceField):
    """Whether the service keys that a member created stay valid. For forms that remove or demote the member."""

    def __init__(self) -> None:
        message = _("Choose what happens to the service keys.")
        super().__init__(
            choices=ServiceKeys.choices,
            widget=forms.RadioSelect,
            label=_("Service keys"),
            error_messages={"required": message, "invalid_choice": message},
        )


class ChangeRoleForm(RoleForm):
    """A member's role; with `has_service_keys`, also what happens to the service keys if the member is demoted."""

    def __init__(self, *args: Any, has_service_keys: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if has_service_keys:
            self.fields["service_keys"] = ServiceKeysField()
            self.fields["service_keys"].required = False

    @property
    def decision(self) -> ServiceKeys | None:
        """The decision about service keys, if any. The form must be valid."""
        chosen = self.cleaned_data.get("service_keys")
        return ServiceKeys(chosen) if chosen else None


class InvitationForm(RoleForm):
    """E-mail addresses, one per line, and their role."""

    emails = forms.CharField(
        label=_("E-mail addresses"),
        max_length=MAX_INVITATIONS * 255,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One per line. Each person gets a link that is valid for 7 days."),
    )
    field_order = ["emails", "role"]

    def clean_emails(self) -> list[str]:
        """The addresses in lower case, without duplicates."""
        lines = self.cleaned_data["emails"].replace(",", "\n").replace(";", "\n").splitlines()
        addresses = list(dict.fromkeys(line.strip().lower() for line in lines if line.strip()))
        if len(addresses) > MAX_INVITATIONS:
            raise forms.ValidationError(gettext("Invite at most %(n)s people at once.") % {"n": MAX_INVITATIONS})
        return addresses


class ApiKeyForm(forms.Form):
    """Name, kind, scopes and lifetime of a new API key."""

    name = forms.CharField(
        max_length=100,
        help_text=_("What uses the key. The name is shown in the audit log."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    days = forms.TypedChoiceField(
        label=_("Expires"),
        coerce=int,
        empty_value=None,
        required=False,
        initial="90",
        choices=[("90", _("In 90 days")), ("30", _("In 30 days")), ("365", _("In one year")), ("", _("Never"))],
    )
    kind = forms.ChoiceField(label=_("Acts as"), choices=ApiKey.Kind.choices, initial=ApiKey.Kind.PERSONAL)
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        choices=[(scope, label.label) for scope, label in keys.SCOPES.items()],
        initial=["connections:read", "connections:use"],
        error_messages={"required": _("Choose at least one permission.")},
    )

    def expires_at(self) -> datetime | None:
        """When the key expires; None: never."""
        days: int | None = self.cleaned_data["days"]
        return None if days is None else timezone.now() + timedelta(days=days)
