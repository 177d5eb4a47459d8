"""Routes of the REST API that belong to integrations."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
