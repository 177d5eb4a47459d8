"""The filters of the audit log's page, from its query string."""

from datetime import UTC, datetime, time
from typing import Any

from django import forms

from apps.audit.messages import MESSAGES


class FilterForm(forms.Form):
    """All filters are optional; invalid values are ignored."""

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

    def query_params(self) -> dict[str, str]:
        """The valid filters as query parameters."""
        self.is_valid()
        return {name: str(value) for name, value in self.cleaned_data.items() if value}

    def filters(self) -> dict[str, Any]:
        """The valid filters for `querysets.apply_filters`: days become times (UTC)."""
        self.is_valid()
        filters = {name: value for name, value in self.cleaned_data.items() if value}
        if since := filters.get("since"):
            filters["since"] = datetime.combine(since, time.min, UTC)
        if until := filters.get("until"):
            filters["until"] = datetime.combine(until, time.max, UTC)
        return filters
