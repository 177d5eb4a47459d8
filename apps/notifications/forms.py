"""Forms of webhooks and of mail preferences."""

import re
from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.notifications.models import Delivery, Event, Frequency, Payload, Webhook
from apps.rest.fields import MAX_TAGS
from apps.vault.forms import SecretFormField

_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}", re.ASCII)
_LONGEST_TAG = 50


class WriteOnlyLines(forms.Textarea):
    """The text area of a SecretFormField, which renders it empty. Not kept as a draft."""

    def __init__(self) -> None:
        attrs = {"rows": 2, "autocomplete": "off", "spellcheck": "false", "class": "input--mono", "data-secret": ""}
        super().__init__(attrs=attrs)


class SlugsField(forms.MultipleChoiceField):
    """Slugs of services. Not only of those that can be chosen now: a service may be removed later."""

    def valid_value(self, value: str) -> bool:
        return _SLUG.fullmatch(value) is not None


class WebhookForm(forms.Form):
    """URL, description and events of a webhook."""

    url = forms.CharField(
        label="URL",
        max_length=1000,
        help_text=_("A public https URL. Specway sends signed POST requests to it."),
        widget=forms.URLInput(attrs={"placeholder": "https://example.com/hooks/specway", "autocomplete": "off"}),
    )
    description = forms.CharField(max_length=200, required=False, help_text=_("Optional, to recognize the webhook."))
    events = forms.MultipleChoiceField(
        label=_("Events"),
        choices=Event.choices,
        error_messages={"required": _("Choose at least one event.")},
    )
    payload = forms.ChoiceField(label=_("Format"), choices=Payload.choices, required=False)
    only_integrations = SlugsField(label=_("Only these services"), required=False)
    only_tags = forms.CharField(
        label=_("Only these tags"),
        max_length=1100,
        required=False,
        help_text=_("Separated by commas. Events of connections and connect links with one of them."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    headers = SecretFormField(
        label=_("Headers"),
        max_length=25_000,
        required=False,
        help_text=_("One for each line, such as Authorization: Bearer …. They replace the stored ones."),
        widget=WriteOnlyLines,
    )
    remove_headers = forms.BooleanField(label=_("Remove the stored headers"), required=False)

    @staticmethod
    def initial_of(webhook: Webhook) -> dict[str, object]:
        """The values of the webhook, without the secret ones."""
        names = ("url", "description", "events", "payload", "only_integrations")
        return {name: getattr(webhook, name) for name in names} | {"only_tags": ", ".join(webhook.only_tags)}

    def clean_payload(self) -> str:
        return self.cleaned_data["payload"] or Payload.STANDARD

    def clean_only_tags(self) -> list[str]:
        tags = list(dict.fromkeys(filter(None, (tag.strip() for tag in self.cleaned_data["only_tags"].split(",")))))
        if len(tags) > MAX_TAGS or any(len(tag) > _LONGEST_TAG or not tag.isprintable() for tag in tags):
            limits = {"most": MAX_TAGS, "longest": _LONGEST_TAG}
            raise forms.ValidationError(
                gettext("Enter at most %(most)s tags of at most %(longest)s printable characters.") % limits
            )
        return tags

    def clean_headers(self) -> dict[str, str]:
        pairs = [line.partition(":") for line in self.cleaned_data["headers"].splitlines() if line.strip()]
        if not all(colon for _name, colon, _value in pairs):
            raise forms.ValidationError(gettext("Enter a name, a colon and a value on each line."))
        headers = {name.strip(): value.strip() for name, _colon, value in pairs}
        if len(headers) < len(pairs):
            raise forms.ValidationError(gettext("Enter each header once."))
        return headers

    def values(self) -> dict[str, Any]:
        """The arguments of `create_webhook` and `change_webhook`. Without `headers`, the stored ones stay."""
        values = {name: value for name, value in self.cleaned_data.items() if name != "remove_headers"}
        if not values["headers"] and not self.cleaned_data["remove_headers"]:
            del values["headers"]
        return values


class ReplayForm(forms.Form):
    """Which messages of a webhook are sent again."""

    since = forms.TypedChoiceField(
        label=_("Sent in the last"),
        coerce=lambda hours: timedelta(hours=int(hours)),
        choices=((1, _("hour")), (24, _("24 hours")), (168, _("7 days")), (720, _("30 days"))),
        initial=24,
    )
    status = forms.ChoiceField(
        label=_("Which"),
        required=False,
        choices=((Delivery.Status.FAILED, _("Failed ones")), ("", _("All, also delivered ones"))),
        initial=Delivery.Status.FAILED,
    )


class PreferencesForm(forms.Form):
    """How often a person gets mail about connections."""

    attention = forms.ChoiceField(
        choices=Frequency.choices,
        label=_("A connection needs attention"),
        help_text=_("After ten minutes. More than three in a day become one mail."),
    )
    recovery = forms.ChoiceField(
        choices=Frequency.choices,
        label=_("It works again"),
        help_text=_("Only for connections that you were mailed about."),
    )
    expiry = forms.ChoiceField(
        choices=[(Frequency.AT_ONCE, _("30, 7 and 1 days before")), (Frequency.OFF, _("Off"))],
        label=_("A key, grant or API key ends soon"),
        help_text=_("One mail for everything that reaches the same day."),
    )
