"""Forms of webhooks and of mail preferences."""

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.notifications.models import Event, Frequency


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
