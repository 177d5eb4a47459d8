"""URLs of the home page, the account, help, health checks and metrics."""

from django.urls import path

from apps.web import dashboard, health, search, views
from apps.web.metrics import metrics

app_name = "web"
urlpatterns = [
    path("", views.home, name="home"),
    path("account/", views.account, name="account"),
    path("search/", search.search, name="search"),
    path("help/", views.help_home, name="help"),
    path("help/troubleshooting/", views.troubleshooting, name="troubleshooting"),
    path("help/<slug:slug>/", views.help_topic, name="help_topic"),
    path("llms.txt", views.llms, name="llms"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    # In place of the index of Django's admin, which has the same address.
    path("admin/", dashboard.page, name="dashboard"),
    path("admin/history.csv", dashboard.history_csv, name="history_csv"),
    path("admin/health/", health.page, name="health"),
]
