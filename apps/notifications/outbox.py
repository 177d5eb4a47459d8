"""Puts messages into the outbox, in the transaction of what they tell of: they leave if that commits, and only then."""

import json
import logging
import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from celery import current_app
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from kombu.exceptions import OperationalError

from apps.notifications.models import Delivery, Webhook

logger = logging.getLogger(__name__)

TEST = "webhook.test"


def enqueue_webhook(event: str, *, team_id: UUID, data: Mapping[str, Any]) -> None:
    """Queue `event` for each of the team's webhooks that wants it. `data` is plain and without secrets."""
    for webhook in Webhook.objects.filter(team=team_id, is_on=True):
        if event in webhook.events:
            put(webhook, event, data)


def put(webhook: Webhook, event: str, data: Mapping[str, Any]) -> Delivery:
    """One message for one webhook. It leaves after the commit; what the broker loses, the schedule finds."""
    body = {"type": event, "timestamp": timezone.now().isoformat(), "data": data}
    delivery = Delivery.objects.create(
        id=f"msg_{secrets.token_hex(16)}",
        webhook=webhook,
        event=event,
        body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        created_at=Now(),
        next_try_at=Now(),
    )
    hint(delivery.pk)
    return delivery


def hint(delivery_id: str) -> None:
    """Ask a worker, after the commit, to try a message now."""
    transaction.on_commit(lambda: _send_hint(delivery_id))


def _send_hint(delivery_id: str) -> None:
    try:
        current_app.send_task("notifications.deliver", args=[delivery_id])
    except OperationalError:
        logger.warning("broker away: the schedule delivers delivery=%s", delivery_id)
