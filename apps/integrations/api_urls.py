"""Routes of the REST API that belong to integrations."""

from django.urls import path

from apps.integrations import api, custom_rest, doctor_rest

urlpatterns = [
    path("integrations/", api.IntegrationListView.as_view(), name="integrations"),
    path("integrations/import/", custom_rest.ImportView.as_view(), name="integrations_import"),
    path("integrations/<slug:slug>/check/", doctor_rest.CheckView.as_view(), name="integration_check"),
    path("integrations/<slug:slug>/", api.IntegrationDetailView.as_view(), name="integration"),
]
