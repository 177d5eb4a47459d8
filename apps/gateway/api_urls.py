"""Routes of the REST API that belong to the gateway."""

from typing import Any

from django.urls import path, register_converter

from apps.gateway import api


class AnyPath:
    """The rest of a path, slashes and line breaks included: the view refuses what it cannot send, with a reason."""

    regex = r"[\s\S]*"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: Any) -> str:
        return str(value)


register_converter(AnyPath, "any")

urlpatterns = [
    path("connections/<uuid:pk>/proxy/<any:path>", api.ProxyView.as_view(), name="connection_proxy"),
]
