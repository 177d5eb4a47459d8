"""URLs of the sandbox service."""

from django.urls import include, path
from oauth2_provider.views import OAuthServerMetadataView

from . import api, authorize, pages, tokens

# django-oauth-toolkit's metadata view reverses these names.
oauth_urls = [
    path("authorize/", authorize.authorize, name="authorize"),
    path("token/", tokens.token, name="token"),
    path("revoke_token/", tokens.revoke, name="revoke-token"),
]

urlpatterns = [
    path("", pages.home, name="home"),
    path("grants/<int:consent_id>/scenario", pages.change_scenario, name="change-scenario"),
    path("journal.json", pages.journal_json, name="journal"),
    path("login/", authorize.login, name="login"),
    path("o/", include((oauth_urls, "oauth2_provider"))),
    path(".well-known/oauth-authorization-server", OAuthServerMetadataView.as_view(), name="metadata"),
    path("api/me", api.me, name="me"),
    path("api/messages", api.messages, name="messages"),
]

handler404 = pages.not_found
