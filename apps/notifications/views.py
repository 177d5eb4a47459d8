"""Settings → Webhooks: the list with a form that adds one, and a page for each."""

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from apps.errors import SpecwayError
from apps.notifications import webhooks
from apps.notifications.forms import WebhookForm
from apps.notifications.models import Event, Webhook
from apps.notifications.webhooks import Issued
from apps.teams.decorators import admin_required
from apps.teams.errors import InvalidRequest
from apps.teams.requests import TeamRequest

LAST = 25
T = TypeVar("T")


@admin_required
@never_cache  # after adding one, the page holds a secret that is shown this once
@require_http_methods(["GET", "HEAD", "POST"])
def listing(request: TeamRequest) -> HttpResponse:
    """The team's webhooks, and the form that adds another (POST)."""
    form = WebhookForm(request.POST or None, initial={"events": Event.values})
    issued: Issued | None = None
    if request.method == "POST":
        issued = _try(form, lambda: webhooks.create_webhook(actor=request.actor, **form.cleaned_data))
    shown = WebhookForm(initial={"events": Event.values}) if issued else form
    context = {
        "webhooks": webhooks.webhooks_of(request.actor),
        "issued": issued,
        "form": shown,
        "events": Event.choices,
        "chosen": shown["events"].value() or [],
    }
    status = 400 if request.method == "POST" and issued is None else 200
    return render(request, "notifications/webhooks.html", context, status=status)


@admin_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def webhook(request: TeamRequest, pk: UUID) -> HttpResponse:
    """One webhook with its last messages, and the form that changes it (POST)."""
    found = webhooks.webhook_of(request.actor, pk)
    before = {"url": found.url, "description": found.description, "events": found.events}
    form = WebhookForm(request.POST or None, initial=before)
    if request.method == "POST":
        changed = _try(form, lambda: webhooks.change_webhook(actor=request.actor, webhook_id=pk, **form.cleaned_data))
        if changed:
            messages.success(request, "The webhook is saved.")
            return redirect("notifications:webhook", pk)
    return _page(request, found, form, status=400 if request.method == "POST" else 200)


@admin_required
@never_cache
@require_POST
def rotate(request: TeamRequest, pk: UUID) -> HttpResponse:
    """Replace the secret; the page shows the new one this once."""
    issued = webhooks.rotate_secret(actor=request.actor, webhook_id=pk)
    found = issued.webhook
    form = WebhookForm(initial={"url": found.url, "description": found.description, "events": found.events})
    return _page(request, found, form, issued=issued)


@admin_required
@require_POST
def switch(request: TeamRequest, pk: UUID) -> HttpResponse:
    """Switch it on or off: POST parameter `is_on`, 1 or 0."""
    is_on = request.POST.get("is_on") == "1"
    webhooks.change_webhook(actor=request.actor, webhook_id=pk, is_on=is_on)
    messages.success(request, "The webhook is switched on." if is_on else "The webhook is switched off.")
    return redirect("notifications:webhook", pk)


@admin_required
@require_POST
def test(request: TeamRequest, pk: UUID) -> HttpResponse:
    """Send an event that only says that it arrives."""
    webhooks.send_test(actor=request.actor, webhook_id=pk)
    messages.success(request, "A test event is on its way. Load the page again in a moment to see how it went.")
    return redirect("notifications:webhook", pk)


@admin_required
@require_POST
def redeliver(request: TeamRequest, pk: UUID, delivery_id: str) -> HttpResponse:
    """Send a message again, as it was."""
    webhooks.redeliver(actor=request.actor, webhook_id=pk, delivery_id=delivery_id)
    messages.success(request, "It is sent again. Load the page again in a moment to see how it went.")
    return redirect("notifications:webhook", pk)


@admin_required
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: TeamRequest, pk: UUID) -> HttpResponse:
    """Ask, then remove (POST)."""
    found = webhooks.webhook_of(request.actor, pk)
    if request.method == "POST":
        webhooks.delete_webhook(actor=request.actor, webhook_id=pk)
        messages.success(request, f"The webhook {found} is removed.")
        return redirect("notifications:webhooks")
    return render(request, "notifications/remove_webhook.html", {"webhook": found})


def _page(
    request: TeamRequest, found: Webhook, form: WebhookForm, *, issued: Issued | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "webhook": found,
        "issued": issued,
        "form": form,
        "events": Event.choices,
        "chosen": form["events"].value() or [],
        "deliveries": found.deliveries.all()[:LAST],
        "opened": request.GET.get("open", ""),
        "former_signs": found.former_until is not None and found.former_until > timezone.now(),
    }
    return render(request, "notifications/webhook.html", context, status=status)


def _try(form: WebhookForm, do: Callable[[], T]) -> T | None:
    """What was done; None where the form says why not."""
    if not form.is_valid():
        return None
    try:
        return do()
    except InvalidRequest as error:
        form.add_error(error.field if error.field in form.fields else None, error.sentence)
    except SpecwayError as error:
        form.add_error(None, error.sentence)
    return None
