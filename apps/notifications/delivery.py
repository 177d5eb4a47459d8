"""Delivers messages of the outbox to webhooks: claims, signs and sends them, with retries for a day."""

import logging
import time
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_noop

from apps import egress
from apps.audit.origin import Origin
from apps.audit.services import record
from apps.notifications import signature
from apps.notifications.models import Delivery, Webhook
from apps.notifications.outbox import TEST
from apps.notifications.webhook_values import custom_headers
from apps.notifications.webhooks import target_of
from apps.sql import Now
from apps.vault.errors import UnreadableSecret

logger = logging.getLogger(__name__)

# Delays before each retry: a bit more than a day in total.
RETRY_DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=8),
    timedelta(hours=8, minutes=30),
)
DEADLINE = 15  # seconds per attempt, from name resolution to the last byte
CLAIMED_FOR = timedelta(minutes=2)  # longer than an attempt; the claim of a process that died expires
MAX_RESPONSE_BYTES = 65_536
RETENTION = timedelta(days=30)
GONE = 410  # the receiver wants no more messages (Standard Webhooks)
SYSTEM = Origin(kind="system", id="", label="Specway")


def deliver(delivery_id: str) -> bool:
    """Send a message if it is due. False if it is not, or if another process is sending it."""
    due = Delivery.objects.filter(pk=delivery_id, status=Delivery.Status.PENDING, next_try_at__lte=Now())
    with transaction.atomic(durable=True):
        claimed = due.update(next_try_at=Now() + CLAIMED_FOR, tries=F("tries") + 1, last_try_at=Now())
    if not claimed:
        return False
    delivery = Delivery.objects.select_related("webhook__team").get(pk=delivery_id)
    if not delivery.webhook.is_on and delivery.event != TEST:
        _finish_failed(delivery, problem=gettext_noop("The webhook is switched off."))
        return True
    status, problem = _send(delivery)
    if status is not None and 200 <= status < 300:
        _record_success(delivery, status)
    else:
        _record_failure(delivery, status, problem)
    return True


def deliver_due(limit: int = 100) -> int:
    """Send due messages: retries, and those lost by the broker. Returns the number sent."""
    due = Delivery.objects.filter(next_try_at__lte=Now()).order_by("next_try_at").values_list("pk", flat=True)
    return sum(deliver(delivery_id) for delivery_id in list(due[:limit]))


def delete_old() -> None:
    """Delete finished messages after 30 days."""
    Delivery.objects.filter(next_try_at=None, created_at__lt=Now() - RETENTION).delete()


def _send(delivery: Delivery) -> tuple[int | None, str]:
    """The receiver's HTTP status, or None and the reason."""
    webhook = delivery.webhook
    try:
        signed = signature.headers(
            message_id=delivery.pk, timestamp=int(time.time()), body=delivery.body, keys=_keys(webhook)
        )
        session = egress.session(deadline=DEADLINE, max_bytes=MAX_RESPONSE_BYTES)
        with egress.on_behalf_of(webhook.team_id), session:
            response = session.post(
                webhook.url,
                data=delivery.body.encode(),
                headers={**custom_headers(webhook), "Content-Type": "application/json", **signed},
                allow_redirects=False,
            )
    except (egress.EgressError, UnreadableSecret) as error:
        return None, str(error)[:200]
    return response.status_code, ""


def _keys(webhook: Webhook) -> list[str]:
    valid = Webhook.objects.filter(pk=webhook.pk, former_until__gt=Now()).exists()
    sealed = [webhook.secret, webhook.former_secret if valid else None]
    return [secret.reveal() for secret in sealed if secret is not None]


def _record_success(delivery: Delivery, status: int) -> None:
    with transaction.atomic():
        Delivery.objects.filter(pk=delivery.pk).update(
            status=Delivery.Status.DELIVERED, next_try_at=None, answered=status, problem=""
        )
        Webhook.objects.filter(pk=delivery.webhook_id).update(last_success_at=Now())
    logger.info("delivered delivery=%s webhook=%s tries=%d", delivery.pk, delivery.webhook_id, delivery.tries)


def _record_failure(delivery: Delivery, status: int | None, problem: str) -> None:
    """Schedule a retry. After the last one, or if the receiver is gone, fail and disable the webhook."""
    logger.warning("not delivered delivery=%s tries=%d answered=%s", delivery.pk, delivery.tries, status)
    problem = problem or gettext_noop("It responded with HTTP status %(status)s.") % {"status": status}
    is_test = delivery.event == TEST
    if not is_test and status != GONE and delivery.tries <= len(RETRY_DELAYS):
        Delivery.objects.filter(pk=delivery.pk).update(
            next_try_at=Now() + RETRY_DELAYS[delivery.tries - 1], answered=status, problem=problem
        )
        return
    with transaction.atomic():
        _finish_failed(delivery, status=status, problem=problem)
        if not is_test:
            _disable(delivery, problem, status=status)


def _finish_failed(delivery: Delivery, *, problem: str, status: int | None = None) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(
        status=Delivery.Status.FAILED, next_try_at=None, answered=status, problem=problem
    )


def _disable(delivery: Delivery, problem: str, *, status: int | None) -> None:
    """Disable the webhook, unless another message arrived since: the receiver may reject this message only."""
    webhook = Webhook.objects.filter(pk=delivery.webhook_id, is_on=True)
    if status != GONE:
        webhook = webhook.exclude(last_success_at__gt=delivery.created_at)
    if webhook.update(is_on=False, gave_up_at=Now(), notified_at=None):
        record(
            action="webhook.switched_off",
            origin=SYSTEM,
            team_id=delivery.webhook.team_id,
            target=target_of(delivery.webhook),
            outcome="failure",
            problem=problem,
        )
