"""The Django app of everything that is about the web and not about one room of the house."""

from django.apps import AppConfig
from django.conf import settings


class WebConfig(AppConfig):
    name = "apps.web"
    verbose_name = "Web"

    def ready(self) -> None:
        # The topmost room wires the settings into the lowest one, which knows no Django.
        from apps import egress

        egress.configure(allowed_hosts=settings.EGRESS_ALLOWED_HOSTS)
