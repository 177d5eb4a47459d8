"""Celery's door: each task calls a service. Arguments are IDs."""

from celery import shared_task

from apps.notifications import delivery, disabled_alerts


@shared_task(name="notifications.deliver")
def deliver(delivery_id: str) -> None:
    """Send one message of the outbox."""
    delivery.deliver(delivery_id)


@shared_task(name="notifications.deliver_due")
def deliver_due() -> None:
    """Send again what is due, tell of webhooks that were switched off, and forget what is old."""
    delivery.deliver_due()
    disabled_alerts.alert_admins()
    delivery.forget_old()
