"""Every mount of the product, visible at once."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

# Operators sign in like everybody else: the admin's own form knows neither rate limits nor the second factor.
admin.site.login = secure_admin_login(admin.site.login)

handler400 = "apps.web.problems.bad_request"
handler403 = "apps.web.problems.permission_denied"
handler404 = "apps.web.problems.page_not_found"
handler500 = "apps.web.problems.server_error"

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
