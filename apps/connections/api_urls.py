"""Routes of the REST API that belong to connections."""

from typing import Any

from django.urls import path, register_converter

from apps.connections import api, proxy_api, session_api, sharing_api


class AnyPath:
    """The rest of an address, whatever stands in it: what cannot be sent on is refused with words, not with a 404."""

    regex = r"[\s\S]*"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: Any) -> str:
        return str(value)


register_converter(AnyPath, "any")

urlpatterns = [
    # Called most, so looked at first.
    path("connections/<uuid:pk>/proxy/<any:path>", proxy_api.ProxyView.as_view(), name="connection_proxy"),
    path("connections/", api.ConnectionsView.as_view(), name="connections"),
    path("connections/<uuid:pk>/", api.ConnectionView.as_view(), name="connection"),
    path("connections/<uuid:pk>/token/", api.TokenView.as_view(), name="connection_token"),
    path("connections/<uuid:pk>/refresh/", api.RefreshView.as_view(), name="connection_refresh"),
    path("connections/<uuid:pk>/sharing/", sharing_api.SharingView.as_view(), name="connection_sharing"),
    path("connections/<uuid:pk>/workflows/", sharing_api.WorkflowsView.as_view(), name="connection_workflows"),
    path("connections/<uuid:pk>/usage/", sharing_api.UsageView.as_view(), name="connection_usage"),
    path("connect-sessions/", session_api.ConnectSessionsView.as_view(), name="connect_sessions"),
    path("connect-sessions/<uuid:pk>/", session_api.ConnectSessionView.as_view(), name="connect_session"),
]
