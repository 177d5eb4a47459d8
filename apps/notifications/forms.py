"""Forms of webhooks and of mail preferences."""

from django import forms

from apps.notifications.models import Event, Frequency


class WebhookForm(forms.Form):
    """URL, description and events of a webhook."""

    url = forms.CharField(
        label="URL",
        max_length=1000,
        help_text="A public https URL. Specway sends signed POST requests to it.",
        widget=forms.URLInput(attrs={"placeholder": "https://example.com/hooks/specway", "autocomplete": "off"}),
    )
    description = forms.CharField(max_length=200, required=False, help_text="Optional, to recognize the webhook.")
    events = forms.MultipleChoiceField(
        label="Events",
        choices=Event.choices,
        error_messages={"required": "Choose at least one event."},
    )


class PreferencesForm(forms.Form):
    """How often a person gets mail about connections."""

    attention = forms.ChoiceField(
        choices=Frequency.choices,
        label="A connection needs attention",
        help_text="After ten minutes. More than three in a day become one mail.",
    )
    recovery = forms.ChoiceField(
        choices=Frequency.choices, label="It works again", help_text="Only for connections that you were mailed about."
    )
    expiry = forms.ChoiceField(
        choices=[(Frequency.AT_ONCE, "30, 7 and 1 days before"), (Frequency.OFF, "Off")],
        label="A key, grant or API key ends soon",
        help_text="One mail for everything that reaches the same day.",
    )
