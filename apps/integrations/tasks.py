"""Celery's door: each task calls a service."""

from celery import shared_task
from django.utils import timezone

from apps.integrations.services.keepers import tell_keepers


@shared_task(name="integrations.tell_keepers")
def tell_of_oauth_apps() -> None:
    """Mail what those who keep OAuth apps have to know: once each, whenever and however often this runs."""
    tell_keepers(today=timezone.now().date())
