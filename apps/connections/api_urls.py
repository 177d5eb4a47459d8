"""Routes of the REST API that belong to connections."""

from django.urls import path

from apps.connections import api, sharing_api

urlpatterns = [
    path("connections/", api.ConnectionsView.as_view(), name="connections"),
    path("connections/<uuid:pk>/", api.ConnectionView.as_view(), name="connection"),
    path("connections/<uuid:pk>/token/", api.TokenView.as_view(), name="connection_token"),
    path("connections/<uuid:pk>/refresh/", api.RefreshView.as_view(), name="connection_refresh"),
    path("connections/<uuid:pk>/sharing/", sharing_api.SharingView.as_view(), name="connection_sharing"),
    path("connections/<uuid:pk>/workflows/", sharing_api.WorkflowsView.as_view(), name="connection_workflows"),
    path("connections/<uuid:pk>/usage/", sharing_api.UsageView.as_view(), name="connection_usage"),
]
