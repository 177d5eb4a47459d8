"""Celery's door: each task calls a service."""

from celery import shared_task
from django.utils import timezone

from apps.integrations.oauth_apps.alerts import alert_maintainers


@shared_task(name="integrations.alert_oauth_app_maintainers")
def alert_oauth_app_maintainers() -> None:
    """Mail what those who keep OAuth apps have to know: once each, whenever and however often this runs."""
    alert_maintainers(today=timezone.now().date())
