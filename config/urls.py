"""All URL mounts."""

from allauth.account.decorators import secure_admin_login
from allauth.account.views import logout
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from apps.audit import views as audit
from apps.teams.decorators import team_required

# Operators log in, log out and change passwords on the same pages as everyone: second factor, rate limits, audit log.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign] # as django-allauth documents it

handler400 = "apps.web.problems.bad_request"
handler403 = "apps.web.problems.permission_denied"
handler404 = "apps.web.problems.page_not_found"
handler500 = "apps.web.problems.server_error"

# The audit app is below the teams app and cannot import its decorators.
audit_urls = (
    [
        path("", team_required(audit.events), name="list"),
        path("export/", team_required(audit.download), name="export"),
    ],
    "audit",
)

urlpatterns = [
    # First, since programs make most requests and each route before costs a comparison.
    path("api/", include("config.api_urls")),
    path("", include("apps.web.urls")),
    path("", include("apps.teams.urls")),
    path("", include("apps.notifications.urls")),
    path("", include("apps.integrations.urls")),
    path("", include("apps.connections.urls")),
    path("", include("apps.gateway.urls")),
    path("settings/audit-log/", include(audit_urls)),
    path("accounts/", include("allauth.urls")),
    path("admin/logout/", logout),
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    path("admin/", admin.site.urls),
]
