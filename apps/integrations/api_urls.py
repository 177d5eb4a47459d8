"""Routes of the REST API that belong to integrations."""

from django.urls import path

from apps.integrations import api, custom_rest

urlpatterns = [
    path("integrations/", api.IntegrationListView.as_view(), name="integrations"),
    path("integrations/import/", custom_rest.ImportView.as_view(), name="integrations_import"),
    path("integrations/<slug:slug>/", api.IntegrationDetailView.as_view(), name="integration"),
]
