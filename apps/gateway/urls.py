"""Pages of the gateway."""

from django.urls import path

from apps.gateway import views

app_name = "gateway"
urlpatterns = [
    path("try/", views.try_action, name="try"),
]
