"""Routes of the REST API that belong to webhooks."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
