"""Pages of integrations."""

from django.urls import path

from apps.integrations import views

app_name = "integrations"
urlpatterns = [
    path("plugins/", views.plugins, name="plugins"),
    path("plugins/<slug:slug>/", views.service, name="service"),
]
