"""The filters of the audit log's page, from its query string."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.audit.messages import MESSAGES
from apps.audit.models import CALL_FAILED, CALLED, REFRESHES

PERIODS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}


def _actions() -> list[tuple[str, str | Promise]]:
    """The actions as choices, by their labels in the current language."""
    return [("", _("Any event")), *sorted(MESSAGES.items(), key=lambda one: str(one[1]))]


class FilterForm(forms.Form):
    """All filters are optional; invalid values are ignored."""

    search = forms.CharField(required=False, max_length=100)
    integration = forms.CharField(required=False, max_length=100)
    action = forms.ChoiceField(
        required=False,
        label=_("Kind of event"),
        choices=_actions,
    )
    outcome = forms.ChoiceField(
        required=False,
        label=_("Outcome"),
        choices=[("", _("Any outcome")), ("success", _("Done")), ("failure", _("Failed"))],
    )
    period = forms.ChoiceField(
        required=False,
        label=_("Time"),
        choices=[
            ("", _("Any time")),
            ("hour", _("Last hour")),
            ("day", _("Last 24 hours")),
            ("week", _("Last 7 days")),
            ("month", _("Last 30 days")),
        ],
    )
    since = forms.DateField(required=False, label=pgettext_lazy("range of days", "From"))
    until = forms.DateField(
        required=False, label=pgettext_lazy("range of days", "To"), help_text=_("That day included.")
    )
    connection = forms.UUIDField(required=False)
    actor = forms.UUIDField(required=False)
    refreshes = forms.ChoiceField(required=False, choices=[("", _("Show refreshes")), ("hide", _("Hide refreshes"))])

    def query_params(self) -> dict[str, str]:
        """The valid filters as query parameters."""
        self.is_valid()
        return {name: str(value) for name, value in self.cleaned_data.items() if value}

    def filters(self) -> dict[str, Any]:
        """The valid filters for `querysets.apply_filters`: days (in the active time zone) and periods as times."""
        self.is_valid()
        filters = {name: value for name, value in self.cleaned_data.items() if value}
        if filters.get("action") == CALLED:
            filters["action"] = (CALLED, CALL_FAILED)  # a failed call is a call
        if period := filters.pop("period", ""):
            filters["since"] = timezone.now() - PERIODS[period]
        elif since := filters.get("since"):
            filters["since"] = datetime.combine(since, time.min, timezone.get_current_timezone())
        if until := filters.get("until"):
            filters["until"] = datetime.combine(until, time.max, timezone.get_current_timezone())
        return filters

    def narrowed(self) -> Q:
        """The filters that no index serves: the search, and hidden refreshes. Empty without them."""
        self.is_valid()
        query, text = Q(), self.cleaned_data.get("search", "")
        if self.cleaned_data.get("refreshes"):
            query &= ~Q(action__in=REFRESHES)
        if text:
            labels = Q(target_label__icontains=text) | Q(actor_label__icontains=text) | Q(workflow_name__icontains=text)
            query &= labels | Q(workflow_id=text) | Q(run_id=text)
        return query
