"""Settings → Webhooks: the list with the form for adding one, and a page per webhook; Account → Notifications."""

from collections.abc import Callable
from typing import TypeVar, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import model_to_dict
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.errors import SpecwayError
from apps.notifications import webhooks
from apps.notifications.forms import PreferencesForm, ReplayForm, WebhookForm
from apps.notifications.models import Delivery, Event, Webhook
from apps.notifications.preferences import preference_of, set_preferences
from apps.notifications.webhooks import IssuedWebhook
from apps.teams.decorators import admin_required
from apps.teams.errors import InvalidRequest
from apps.teams.models import User
from apps.teams.requests import TeamRequest

LATEST_DELIVERIES = 25
T = TypeVar("T")


@admin_required
@never_cache  # after adding one, the page has its secret, which is shown once
@require_http_methods(["GET", "HEAD", "POST"])
def listing(request: TeamRequest) -> HttpResponse:
    """The team's webhooks, and the form for adding one (POST)."""
    form = WebhookForm(request.POST or None, initial={"events": Event.values})
    issued: IssuedWebhook | None = None
    if request.method == "POST":
        issued = _submit(form, lambda: webhooks.create_webhook(actor=request.actor, **form.values()))
    shown = WebhookForm(initial={"events": Event.values}) if issued else form
    context = {
        "webhooks": webhooks.webhooks_of(request.actor),
        "issued": issued,
        "form": shown,
        **_choices(shown),
    }
    status = 400 if request.method == "POST" and issued is None else 200
    return render(request, "notifications/webhooks.html", context, status=status)


@admin_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def webhook(request: TeamRequest, pk: UUID) -> HttpResponse:
    """A webhook with its latest messages, and the form for changing it (POST)."""
    current = webhooks.webhook_of(request.actor, pk)
    form = WebhookForm(request.POST or None, initial=WebhookForm.initial_of(current))
    if request.method == "POST":
        changed = _submit(form, lambda: webhooks.change_webhook(actor=request.actor, webhook_id=pk, **form.values()))
        if changed:
            messages.success(request, gettext("Webhook saved."))
            return redirect("notifications:webhook", pk)
    return _page(request, current, form, status=400 if request.method == "POST" else 200)


@admin_required
@never_cache
@require_POST
def rotate(request: TeamRequest, pk: UUID) -> HttpResponse:
    """Replace the secret. The page shows the new one once."""
    issued = webhooks.rotate_secret(actor=request.actor, webhook_id=pk)
    return _page(request, issued.webhook, WebhookForm(initial=WebhookForm.initial_of(issued.webhook)), issued=issued)


@admin_required
@require_POST
def switch(request: TeamRequest, pk: UUID) -> HttpResponse:
    """Enable or disable the webhook: POST parameter `is_on`, 1 or 0."""
    is_on = request.POST.get("is_on") == "1"
    webhooks.change_webhook(actor=request.actor, webhook_id=pk, is_on=is_on)
    messages.success(
        request, gettext("The webhook is switched on.") if is_on else gettext("The webhook is switched off.")
    )
    return redirect("notifications:webhook", pk)


@admin_required
@require_POST
def test(request: TeamRequest, pk: UUID) -> HttpResponse:
    """Send a test event."""
    webhooks.send_test(actor=request.actor, webhook_id=pk)
    messages.success(request, gettext("Test event sent. The result appears below."))
    return redirect("notifications:webhook", pk)


@admin_required
@require_POST
def redeliver(request: TeamRequest, pk: UUID, delivery_id: str) -> HttpResponse:
    """Send a message again, unchanged."""
    webhooks.redeliver(actor=request.actor, webhook_id=pk, delivery_id=delivery_id)
    messages.success(request, gettext("Sent again. The result appears below."))
    return redirect("notifications:webhook", pk)


@admin_required
@require_POST
def replay(request: TeamRequest, pk: UUID) -> HttpResponse:
    """Send the messages of a time again, unchanged."""
    webhooks.webhook_of(request.actor, pk)
    form = ReplayForm(request.POST)
    if not form.is_valid():
        messages.error(request, gettext("Choose a time and which messages are sent again."))
        return redirect("notifications:webhook", pk)
    since = timezone.now() - form.cleaned_data["since"]
    n = webhooks.replay(actor=request.actor, webhook_id=pk, since=since, status=form.cleaned_data["status"])
    text = ngettext("%(n)s message is sent again.", "%(n)s messages are sent again.", n) % {"n": n}
    messages.success(request, text if n else gettext("There is no such message to send again."))
    return redirect("notifications:webhook", pk)


@admin_required
@never_cache
@require_safe
def delivery_row(request: TeamRequest, pk: UUID, delivery_id: str) -> HttpResponse:
    """The table row of a message, which the page requests until the message was sent."""
    delivery = webhooks.delivery_of(request.actor, pk, delivery_id)
    context = {"delivery": delivery, "webhook": delivery.webhook, "opened": ""}
    return render(request, "notifications/_delivery.html", context)


@admin_required
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: TeamRequest, pk: UUID) -> HttpResponse:
    """Confirm, then delete (POST)."""
    current = webhooks.webhook_of(request.actor, pk)
    if request.method == "POST":
        webhooks.delete_webhook(actor=request.actor, webhook_id=pk)
        messages.success(request, gettext("The webhook %(current)s is removed.") % {"current": current})
        return redirect("notifications:webhooks")
    return render(request, "notifications/remove_webhook.html", {"webhook": current})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """How often the signed-in person gets mail about connections."""
    user = cast(User, request.user)
    current = preference_of(user)
    form = PreferencesForm(request.POST or None, initial=model_to_dict(current, ["attention", "recovery", "expiry"]))
    if request.method == "POST" and form.is_valid():
        set_preferences(user=user, **form.cleaned_data)
        messages.success(request, gettext("Notification preferences saved."))
        return redirect("web:account")
    status = 400 if form.errors else 200
    return render(request, "notifications/preferences.html", {"form": form}, status=status)


def _choices(form: WebhookForm) -> dict[str, object]:
    chosen = form["events"].value() or []
    return {"events": Event.choices, "chosen": chosen, "only": form["only_integrations"].value() or []}


def _page(
    request: TeamRequest, current: Webhook, form: WebhookForm, *, issued: IssuedWebhook | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "webhook": current,
        "issued": issued,
        "form": form,
        **_choices(form),
        "replay": ReplayForm(),
        "failing": current.deliveries.filter(status=Delivery.Status.PENDING).exclude(problem="").last(),
        "deliveries": current.deliveries.all()[:LATEST_DELIVERIES],
        "opened": request.GET.get("open", ""),
        "former_signs": current.former_until is not None and current.former_until > timezone.now(),
    }
    return render(request, "notifications/webhook.html", context, status=status)


def _submit(form: WebhookForm, action: Callable[[], T]) -> T | None:
    """The result of `action`; None if the form is invalid or the action failed, with errors in the form."""
    if not form.is_valid():
        return None
    try:
        return action()
    except InvalidRequest as error:
        form.add_error(error.field if error.field in form.fields else None, error.sentence)
    except SpecwayError as error:
        form.add_error(None, error.sentence)
    return None
