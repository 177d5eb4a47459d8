"""The address that a service sends people back to, which an OAuth app has to register there."""

from django.conf import settings
from django.urls import reverse


def redirect_uri() -> str:
    """The one documented callback of built-in services, absolute."""
    return f"{settings.PUBLIC_URL}{reverse('connections:callback')}"
