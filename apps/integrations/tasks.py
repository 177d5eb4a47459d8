"""Celery tasks of integrations."""

from celery import shared_task
from django.utils import timezone

from apps.integrations.oauth_apps.alerts import alert_maintainers
from apps.integrations.oauth_apps.requests import notify_of_set_up


@shared_task(name="integrations.alert_oauth_app_maintainers")
def alert_oauth_app_maintainers() -> None:
    """Send due alerts to the maintainers of OAuth apps, and notices to those who asked for a service: each once."""
    alert_maintainers(today=timezone.now().date())
    notify_of_set_up()
