"""Routes of the REST API that belong to the gateway."""

from typing import Any

from django.urls import path, register_converter

from apps.gateway import api


class RawPath:
    """The rest of a path with slashes and line breaks: the view refuses what cannot be sent, and says why."""

    regex = r"[\s\S]*"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: Any) -> str:
        return str(value)


register_converter(RawPath, "raw_path")

urlpatterns = [
    path("connections/<uuid:pk>/proxy/<raw_path:path>", api.proxy, name="connection_proxy"),
]
