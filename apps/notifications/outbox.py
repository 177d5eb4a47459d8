"""Adds messages to the outbox in the transaction of their event, so that they are sent only if it commits."""

import json
import logging
import secrets
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from celery import current_app
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from apps.notifications.models import Delivery, Payload, Webhook
from apps.notifications.slack import slack_message
from apps.sql import Now

logger = logging.getLogger(__name__)

TEST = "webhook.test"
BROKER_RETRY_SECONDS = 5


def enqueue_webhook(event: str, *, team_id: UUID, data: Mapping[str, Any]) -> None:
    """Queue `event` for each of the team's webhooks that subscribes to it. `data` is JSON without secrets."""
    for webhook in Webhook.objects.filter(team=team_id, is_on=True):
        if event in webhook.events and _is_wanted(webhook, data):
            add(webhook, event, data)


def _is_wanted(webhook: Webhook, data: Mapping[str, Any]) -> bool:
    """By the webhook's filters, which hold for events that have an integration, or tags."""
    integration, tags = data.get("integration"), data.get("tags")
    if integration and webhook.only_integrations and integration not in webhook.only_integrations:
        return False
    return tags is None or not webhook.only_tags or not set(webhook.only_tags).isdisjoint(tags)


def add(webhook: Webhook, event: str, data: Mapping[str, Any]) -> Delivery:
    """Add a message for one webhook. Sent after the commit; if the broker loses the task, by the schedule."""
    body: Mapping[str, Any] = {"type": event, "timestamp": timezone.now().isoformat(), "data": data}
    if webhook.payload == Payload.SLACK:
        body = slack_message(event, data)
    delivery = Delivery.objects.create(
        id=f"msg_{secrets.token_hex(16)}",
        webhook=webhook,
        event=event,
        body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        created_at=Now(),
        next_try_at=Now(),
    )
    send_soon(delivery.pk)
    return delivery


def send_soon(delivery_id: str) -> None:
    """After the commit, queue a task that sends the message."""
    transaction.on_commit(lambda: _queue_task(delivery_id))


def _queue_task(delivery_id: str) -> None:
    """The periodic task sends messages without one. After a failure, none is queued for a while: each might wait."""
    if time.monotonic() < _Broker.unavailable_until:
        return
    try:
        current_app.send_task("notifications.deliver", args=[delivery_id])
    except OperationalError:
        _Broker.unavailable_until = time.monotonic() + BROKER_RETRY_SECONDS
        logger.warning("the broker is unavailable: the periodic task delivers delivery=%s", delivery_id)


class _Broker:
    unavailable_until = 0.0
