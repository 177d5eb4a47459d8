"""Every mount of the product, visible at once."""

from allauth.account.decorators import secure_admin_login
from allauth.account.views import logout
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from apps.audit.views import events
from apps.teams.decorators import team_required

# Operators sign in and out and change passwords by the same doors as everybody: second factor, rate limits, audit log.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign] # allauth's documented way

handler400 = "apps.web.problems.bad_request"
handler403 = "apps.web.problems.permission_denied"
handler404 = "apps.web.problems.page_not_found"
handler500 = "apps.web.problems.server_error"

urlpatterns = [
    path("", include("apps.web.urls")),
    path("", include("apps.teams.urls")),
    path("", include("apps.integrations.urls")),
    path("", include("apps.connections.urls")),
    path("settings/audit-log/", include(([path("", team_required(events), name="list")], "audit"))),
    path("accounts/", include("allauth.urls")),
    path("api/", include("config.api_urls")),
    path("admin/logout/", logout),
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    path("admin/", admin.site.urls),
]
