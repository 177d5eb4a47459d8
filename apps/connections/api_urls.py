"""Routes of the REST API that belong to connections."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
