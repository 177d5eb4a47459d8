"""Every mount of the product, visible at once."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("apps.web.urls")),
    path("", include("apps.teams.urls")),
    path("", include("apps.integrations.urls")),
    path("", include("apps.connections.urls")),
    path("settings/audit-log/", include("apps.audit.urls")),
    path("accounts/", include("allauth.urls")),
    path("api/", include("config.api_urls")),
    path("admin/", admin.site.urls),
]
