"""Pages of people, teams and API keys."""

from django.urls import path

from apps.teams import views

app_name = "teams"
urlpatterns = [
    path("teams/new/", views.create, name="create"),
    path("teams/switch/", views.switch, name="switch"),
    path("invitations/<str:token>/", views.accept_invitation, name="accept_invitation"),
    path("settings/team/", views.team_members, name="members"),
    path("settings/team/name/", views.rename, name="rename"),
    path("settings/team/members/<int:pk>/role/", views.change_role, name="change_role"),
    path("settings/team/invitations/<uuid:pk>/revoke/", views.revoke_invitation, name="revoke_invitation"),
    path("settings/api-keys/", views.api_keys, name="api_keys"),
    path("settings/api-keys/<uuid:pk>/revoke/", views.revoke_api_key_page, name="revoke_api_key"),
]
