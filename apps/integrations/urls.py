"""Pages of integrations."""

from django.urls import path

from apps.integrations import app_views, views

app_name = "integrations"
urlpatterns = [
    path("plugins/", views.plugins, name="plugins"),
    path("plugins/<slug:slug>/", views.service, name="service"),
    path("plugins/<slug:slug>/app/", app_views.app, name="app"),
    path("plugins/<slug:slug>/app/test/", app_views.probe, name="test_app"),
    path("plugins/<slug:slug>/app/remove/", app_views.remove, name="remove_app"),
]
