"""All URL mounts."""

from allauth.account.decorators import secure_admin_login
from allauth.account.views import logout
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from apps.web import audit_log

# Operators log in, log out and change passwords on the same pages as everyone: second factor, rate limits, audit log.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign] # as django-allauth documents it

handler400 = "apps.web.problems.bad_request"
handler403 = "apps.web.problems.permission_denied"
handler404 = "apps.web.problems.page_not_found"
handler500 = "apps.web.problems.server_error"

audit_urls = [
    path("", audit_log.events, name="list"),
    path("export/", audit_log.download, name="export"),
]

urlpatterns = [
    # First, since programs make most requests and each route before costs a comparison.
    path("api/", include("config.api_urls")),
    path("", include("apps.web.urls")),
    path("", include("apps.teams.urls")),
    path("", include("apps.notifications.urls")),
    path("", include("apps.integrations.urls")),
    path("", include("apps.connections.urls")),
    path("", include("apps.gateway.urls")),
    path(
        "settings/audit-log/",
        include(
            ([path("", audit_log.events, name="list"), path("export/", audit_log.download, name="export")], "audit")
        ),
    ),
    path("accounts/", include("allauth.urls")),
    path("admin/logout/", logout),
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    path("admin/", admin.site.urls),
]
