"""The REST API's mounts under `/api/`."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from apps.teams import schema as schema  # its extension of drf-spectacular registers when it is imported
from apps.web import api_reference

app_name = "api"
urlpatterns = [
    # First, since it is called most and each route before costs a comparison.
    path("v1/", include("apps.gateway.api_urls")),
    path("v1/", include("apps.connections.api.urls")),
    path("v1/", include("apps.teams.api_urls")),
    path("v1/", include("apps.audit.api_urls")),
    path("v1/", include("apps.notifications.api_urls")),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", api_reference.page, name="docs"),
]
