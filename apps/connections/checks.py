"""The system check that rejects FAULT_POINTS, which is for tests only, in production."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@register()
def fault_points_are_for_tests(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """An error if FAULT_POINTS is set and PUBLIC_URL is not a loopback address."""
    public = urlsplit(settings.PUBLIC_URL)
    is_local = public.scheme == "http" and public.hostname in LOOPBACK
    if getattr(settings, "FAULT_POINTS", None) is None or is_local:
        return []
    message = "FAULT_POINTS is for tests that kill processes during a refresh. Remove it from the settings."
    return [Error(message, id="connections.E001")]
