"""The Django app of pages and endpoints that belong to no other package."""

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class WebConfig(AppConfig):
    name = "apps.web"
    verbose_name = "Web"

    def ready(self) -> None:
        # egress does not import Django, so its settings are set here.
        from apps import egress
        from apps.request_slots import before_waiting
        from apps.web import database_connections  # noqa: F401 - registers its check

        try:
            egress.configure(allowed_hosts=settings.EGRESS_ALLOWED_HOSTS)
        except ValueError as error:
            raise ImproperlyConfigured(f"EGRESS_ALLOWED_HOSTS: {error}") from error
        egress.call_before_requests(before_waiting)
