"""The system check that keeps what only tests may switch on away from where people work."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@register()
def fault_points_are_for_tests(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """An error if FAULT_POINTS is set while PUBLIC_URL is not an address of this machine alone."""
    public = urlsplit(settings.PUBLIC_URL)
    alone = public.scheme == "http" and public.hostname in LOOPBACK
    if getattr(settings, "FAULT_POINTS", None) is None or alone:
        return []
    sentence = "FAULT_POINTS lets tests kill processes in the middle of a refresh. Take it out of the settings."
    return [Error(sentence, id="connections.E001")]
