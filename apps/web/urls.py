"""Pages that belong to no room of the house, and the health checks."""

from django.urls import path

from apps.web import health, views

app_name = "web"
urlpatterns = [
    path("", views.home, name="home"),
    path("account/", views.account, name="account"),
    path("help/troubleshooting/", views.troubleshooting, name="troubleshooting"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
