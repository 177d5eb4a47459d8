"""Celery tasks. Their arguments are IDs."""

from celery import shared_task

from apps.notifications import delivery, disabled_alerts


@shared_task(name="notifications.deliver")
def deliver(delivery_id: str) -> None:
    """Send a message of the outbox."""
    delivery.deliver(delivery_id)


@shared_task(name="notifications.deliver_due")
def deliver_due() -> None:
    """Send due messages, alert about disabled webhooks, and delete old messages."""
    delivery.deliver_due()
    disabled_alerts.alert_admins()
    delivery.delete_old()
