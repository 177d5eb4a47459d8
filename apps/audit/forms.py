"""The filters of the audit log's page, which stand in its address."""

from datetime import UTC, datetime, time
from typing import Any

from django import forms

from apps.audit.messages import MESSAGES


class FilterForm(forms.Form):
    """Each may be left out; one that makes no sense is as good as left out."""

    integration = forms.CharField(required=False, max_length=100)
    action = forms.ChoiceField(
        required=False,
        label="Kind of event",
        choices=[("", "Any event"), *sorted(MESSAGES.items(), key=lambda one: one[1])],
    )
    outcome = forms.ChoiceField(
        required=False, label="Outcome", choices=[("", "Any outcome"), ("success", "Done"), ("failure", "Failed")]
    )
    since = forms.DateField(required=False, label="From")
    until = forms.DateField(required=False, label="To", help_text="That day included.")
    connection = forms.UUIDField(required=False)
    actor = forms.UUIDField(required=False)

    def given(self) -> dict[str, str]:
        """The filters that count, as they stand in the address."""
        self.is_valid()
        return {name: str(value) for name, value in self.cleaned_data.items() if value}

    def wanted(self) -> dict[str, Any]:
        """The filters as `querysets.chosen` takes them: days become times (UTC)."""
        self.is_valid()
        wanted = {name: value for name, value in self.cleaned_data.items() if value}
        if since := wanted.get("since"):
            wanted["since"] = datetime.combine(since, time.min, UTC)
        if until := wanted.get("until"):
            wanted["until"] = datetime.combine(until, time.max, UTC)
        return wanted
