"""Routes of the REST API that belong to teams."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
