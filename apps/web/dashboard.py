"""The first page of the administration: what needs an operator, how the queue and refreshes do, what happened last."""

import csv
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.audit.admin import recent
from apps.audit.messages import action_label
from apps.audit.models import AuditEvent
from apps.connections.admin_filters import red_by_reason
from apps.connections.messages import short_reason
from apps.connections.services.heartbeat import last_heartbeat
from apps.integrations.models import ServiceRequest
from apps.web import operations, waiting
from apps.web.history import HOURS_OF_BAR, history
from apps.web.parts import parts

# Seconds since the scheduler's last run after which it is reported, requests and events that are named.
LATE, NAMED, LATEST = 30, 3, 8
MOST_APPS = 20
CSV_COLUMNS = ("start", "longest_delay_seconds", "refreshes", "failed_refreshes", "calls", "failed_calls")


@dataclass(frozen=True)
class Need:
    """Something that waits for an operator, with the page where it is done."""

    title: str
    text: str
    button: str
    url: str
    tile: str = ""
    icon: str = ""


@never_cache
@require_safe
@admin.site.admin_view
def page(request: HttpRequest) -> HttpResponse:
    """The dashboard."""
    queue = operations.queue()
    context = {
        **admin.site.each_context(request),
        "title": gettext("Dashboard"),
        "subtitle": None,
        "now": timezone.now(),
        "needs": needs(),
        "queue": queue,
        "late": LATE,
        "history": history(days_in(request)),
        "waiting_connections": waiting.waiting_connections(),
        "most_waiting": waiting.MOST_WAITING,
        "reasons": _reasons(),
        "latest": _latest(),
    }
    return TemplateResponse(request, "admin/index.html", context)


@never_cache
@require_safe
@admin.site.admin_view
def history_csv(request: HttpRequest) -> HttpResponse:
    """What the charts show, as CSV: a row for each bar."""
    days = days_in(request)
    found = history(days)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="specway-history-{days}-days.csv"'
    rows = csv.writer(response)
    rows.writerow(CSV_COLUMNS)
    for start, values in zip(found.delay.hours, found.rows(), strict=True):
        rows.writerow([start.isoformat(), *values])
    return response


def days_in(request: HttpRequest) -> int:
    """The days that the charts of a page show, by its address."""
    return next((days for days in HOURS_OF_BAR if request.GET.get("days") == str(days)), 1)


def needs() -> list[Need]:
    """What waits for an operator, most urgent first."""
    return [*_broken_parts(), *_apps(), *_requests()]


def _broken_parts() -> list[Need]:
    health = reverse("web:health")
    beat = operations.seconds_since(last_heartbeat())
    found = []
    if beat is None or beat > LATE:
        if beat is None:
            text = gettext("It has never run. Tokens are refreshed only on request.")
        else:
            text = gettext("It last ran %(n)s seconds ago. Tokens are refreshed only on request.") % {
                "n": f"{beat:,.0f}"
            }
        found.append(Need(gettext("The scheduler is not running"), text, gettext("Open health"), health))
    for part in parts():
        if part.kind in ("warn", "bad"):
            text = part.note[:1].upper() + part.note[1:]
            status = part.label[:1].lower() + part.label[1:]
            found.append(Need(f"{part.name}: {status}", text, gettext("Open health"), health))
    return found


def _apps() -> list[Need]:
    """Apps that their service rejects, or whose secret expires soon."""
    found = []
    for row in operations.oauth_apps_at_risk(timezone.now().date())[:MOST_APPS]:
        title, since = _what_is_wrong(row)
        dependents = ngettext("%(n)s connection depends on it.", "%(n)s connections depend on it.", row.dependents) % {
            "n": f"{row.dependents:,}"
        }
        url = reverse("admin:integrations_oauthapp_change", args=[row.app.pk])
        integration = row.app.integration
        found.append(
            Need(
                title,
                f"{since}{dependents}",
                gettext("Replace secret"),
                url,
                tile=integration.name,
                icon=integration.icon,
            )
        )
    return found


def _what_is_wrong(row: operations.AppAtRisk) -> tuple[str, str]:
    name = row.app.integration.name
    if row.app.broken_since:
        since = date_format(timezone.localtime(row.app.broken_since), "DATETIME_FORMAT")
        return gettext("%(name)s rejects its OAuth app") % {"name": name}, gettext("Since %(time)s. ") % {"time": since}
    if row.days_left is not None and row.days_left < 0:
        return gettext("The client secret for %(name)s has expired") % {"name": name}, ""
    when = row.in_days if row.days_left else gettext("today")
    return gettext("The client secret for %(name)s expires %(when)s") % {"name": name, "when": when}, ""


def _requests() -> list[Need]:
    count = waiting.open_requests()
    if not count:
        return []
    newest = ServiceRequest.objects.filter(answered_at=None).select_related("integration")[:NAMED]
    names = ", ".join(dict.fromkeys(request.integration.name for request in newest))
    if count > len(newest):
        names = gettext("%(names)s and more") % {"names": names}
    title = ngettext("%(n)s request for a service", "%(n)s requests for services", count) % {"n": f"{count:,}"}
    page = f"{reverse('admin:integrations_servicerequest_changelist')}?state=waiting"
    return [Need(title, names, gettext("Open requests"), page)]


def _reasons() -> list[dict[str, Any]]:
    """Why connections need attention, most frequent first, with the list of those connections."""
    page = reverse("admin:connections_connection_changelist")
    return [
        {"label": short_reason(reason), "count": count, "url": f"{page}?reason={reason}"}
        for reason, count in red_by_reason()
        if short_reason(reason)
    ]


def _latest() -> list[dict[str, Any]]:
    """What operators did last."""
    events = recent(AuditEvent.objects.filter(actor_kind="operator")).order_by("-id")[:LATEST]
    return [
        {
            "label": action_label(event.action),
            "by": event.actor_label,
            "target": event.target_label,
            "at": event.occurred_at,
            "url": reverse("admin:audit_auditevent_change", args=[event.pk]),
        }
        for event in events
    ]
