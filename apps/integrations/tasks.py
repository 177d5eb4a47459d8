"""Celery tasks of integrations."""

from celery import shared_task
from django.utils import timezone

from apps.integrations.oauth_apps.alerts import alert_maintainers


@shared_task(name="integrations.alert_oauth_app_maintainers")
def alert_oauth_app_maintainers() -> None:
    """Send due alerts to the maintainers of OAuth apps: each event once, however often the task runs."""
    alert_maintainers(today=timezone.now().date())
