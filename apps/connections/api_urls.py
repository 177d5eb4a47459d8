"""Routes of the REST API that belong to connections."""

from django.urls import path

from apps.connections import api

urlpatterns = [
    path("connections/", api.ConnectionsView.as_view(), name="connections"),
    path("connections/<uuid:pk>/", api.ConnectionView.as_view(), name="connection"),
    path("connections/<uuid:pk>/token/", api.TokenView.as_view(), name="connection_token"),
    path("connections/<uuid:pk>/refresh/", api.RefreshView.as_view(), name="connection_refresh"),
]
