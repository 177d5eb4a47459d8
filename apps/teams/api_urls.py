"""Routes of the REST API that belong to teams."""

from django.urls import path

from apps.teams import api

urlpatterns = [
    path("me/", api.MeView.as_view(), name="me"),
    path("members/", api.MembersView.as_view(), name="members"),
    path("browser-tokens/", api.BrowserTokensView.as_view(), name="browser_tokens"),
    path("api-keys/", api.ApiKeysView.as_view(), name="api_keys"),
    path("api-keys/<uuid:pk>/", api.ApiKeyView.as_view(), name="api_key"),
    path("api-keys/<uuid:pk>/rotate/", api.RotationView.as_view(), name="api_key_rotate"),
]
