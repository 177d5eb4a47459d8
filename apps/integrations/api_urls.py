"""Routes of the REST API that belong to integrations."""

from django.urls import path

from apps.integrations import api

urlpatterns = [
    path("integrations/", api.IntegrationListView.as_view(), name="integrations"),
    path("integrations/<slug:slug>/", api.IntegrationDetailView.as_view(), name="integration"),
]
