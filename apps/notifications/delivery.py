"""Carries messages from the outbox to their webhooks: claimed, signed, sent through egress, tried again for a day."""

import logging
import time
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from apps import egress
from apps.audit.origin import Origin
from apps.audit.services import record
from apps.notifications import signature
from apps.notifications.models import Delivery, Webhook
from apps.notifications.outbox import TEST
from apps.notifications.webhooks import target_of
from apps.vault.errors import UnreadableSecret

logger = logging.getLogger(__name__)

# After the first try, so long until each next one: a bit more than a day in all.
PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=8),
    timedelta(hours=8, minutes=30),
)
DEADLINE = 15  # seconds for one try, from name to last byte
CLAIMED_FOR = timedelta(minutes=2)  # longer than a try; a process that dies in between lets go of it by itself
LARGEST_ANSWER = 65_536
KEPT_FOR = timedelta(days=30)
GONE = 410  # "the receiver does not want any more of these", as the specification has it
SYSTEM = Origin(kind="system", id="", label="Specway")


def deliver(delivery_id: str) -> bool:
    """Try one message that is due. False: it is not, or somebody else does it."""
    due = Delivery.objects.filter(pk=delivery_id, status=Delivery.Status.PENDING, next_try_at__lte=Now())
    with transaction.atomic(durable=True):
        claimed = due.update(next_try_at=Now() + CLAIMED_FOR, tries=F("tries") + 1, last_try_at=Now())
    if not claimed:
        return False
    delivery = Delivery.objects.select_related("webhook__team").get(pk=delivery_id)
    if not delivery.webhook.is_on and delivery.event != TEST:
        _over(delivery, problem="The webhook is switched off.")
        return True
    answered, problem = _send(delivery)
    if answered is not None and 200 <= answered < 300:
        _arrived(delivery, answered)
    else:
        _failed(delivery, answered, problem)
    return True


def deliver_due(limit: int = 100) -> int:
    """Try what is due: repetitions, and what the broker lost. The number tried."""
    due = Delivery.objects.filter(next_try_at__lte=Now()).order_by("next_try_at").values_list("pk", flat=True)
    return sum(deliver(delivery_id) for delivery_id in list(due[:limit]))


def forget_old() -> None:
    """Messages that are over are kept for 30 days, so that admins can see how they went."""
    Delivery.objects.filter(next_try_at=None, created_at__lt=Now() - KEPT_FOR).delete()


def _send(delivery: Delivery) -> tuple[int | None, str]:
    """The receiver's HTTP status, or None and why there is none."""
    webhook = delivery.webhook
    try:
        signed = signature.headers(
            message_id=delivery.pk, timestamp=int(time.time()), body=delivery.body, keys=_keys(webhook)
        )
        with egress.session(deadline=DEADLINE, max_bytes=LARGEST_ANSWER) as session:
            answer = session.post(
                webhook.url,
                data=delivery.body.encode(),
                headers={"Content-Type": "application/json", **signed},
                allow_redirects=False,
            )
    except (egress.EgressError, UnreadableSecret) as error:
        return None, str(error)[:200]
    return answer.status_code, ""


def _keys(webhook: Webhook) -> list[str]:
    valid = Webhook.objects.filter(pk=webhook.pk, former_until__gt=Now()).exists()
    sealed = [webhook.secret, webhook.former_secret if valid else None]
    return [secret.reveal() for secret in sealed if secret is not None]


def _arrived(delivery: Delivery, answered: int) -> None:
    with transaction.atomic():
        Delivery.objects.filter(pk=delivery.pk).update(
            status=Delivery.Status.DELIVERED, next_try_at=None, answered=answered, problem=""
        )
        Webhook.objects.filter(pk=delivery.webhook_id).update(last_success_at=Now())
    logger.info("delivered delivery=%s webhook=%s tries=%d", delivery.pk, delivery.webhook_id, delivery.tries)


def _failed(delivery: Delivery, answered: int | None, problem: str) -> None:
    """Later again; or, after the last try or where the receiver says that it is gone, never, and off it goes."""
    logger.warning("not delivered delivery=%s tries=%d answered=%s", delivery.pk, delivery.tries, answered)
    problem = problem or f"It answered with HTTP status {answered}."
    is_test = delivery.event == TEST
    if not is_test and answered != GONE and delivery.tries <= len(PAUSES):
        Delivery.objects.filter(pk=delivery.pk).update(
            next_try_at=Now() + PAUSES[delivery.tries - 1], answered=answered, problem=problem
        )
        return
    with transaction.atomic():
        _over(delivery, answered=answered, problem=problem)
        if not is_test:
            _switch_off(delivery, problem, is_gone=answered == GONE)


def _over(delivery: Delivery, *, problem: str, answered: int | None = None) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(
        status=Delivery.Status.FAILED, next_try_at=None, answered=answered, problem=problem
    )


def _switch_off(delivery: Delivery, problem: str, *, is_gone: bool) -> None:
    """Only if nothing else arrived since the message was written: one message may be what the receiver cannot take."""
    webhook = Webhook.objects.filter(pk=delivery.webhook_id, is_on=True)
    if not is_gone:
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
