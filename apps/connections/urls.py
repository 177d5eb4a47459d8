"""Pages of connections."""

from django.urls import path

from apps.connections.views import (
    actions,
    activity,
    attempts,
    callback,
    connect,
    credentials,
    keys,
    leaving,
    links,
    listing,
    page,
    sharing,
    trace,
    try_action,
)

app_name = "connections"
urlpatterns = [
    path("connect/<slug:slug>/", connect.connect, name="connect"),
    path("connect/<slug:slug>/key/", keys.connect, name="connect_key"),
    path("connect/attempts/<uuid:attempt_id>/", attempts.attempt, name="attempt"),
    path("connect/attempts/<uuid:attempt_id>/cancel/", attempts.cancel, name="cancel"),
    path("connect/attempts/<uuid:attempt_id>/continue/", attempts.continue_here, name="continue"),
    path("connect/attempts/<uuid:attempt_id>/decide/", attempts.decide, name="decide"),
    path("connect/links/<str:token>/", links.link, name="connect_link"),
    path("connect/links/done/<uuid:session_id>/", links.done, name="connect_done"),
    path("oauth/callback", callback.callback, name="callback"),
    path("oauth/callback/<uuid:integration_id>", callback.callback, name="callback_of"),
    path("try/", try_action.try_action, name="try"),
    path("settings/integrations/", listing.listing, name="list"),
    path("settings/integrations/refresh/", actions.refresh_selected, name="refresh_selected"),
    path("settings/team/leave/", leaving.leave, name="leave_team"),
    path("settings/team/members/<int:pk>/remove/", leaving.remove_member, name="remove_member"),
    path("account/delete/", leaving.delete_account, name="delete_account"),
    path("settings/credentials/", credentials.credentials, name="credentials"),
    path("connections/<uuid:connection_id>/", page.overview, name="connection"),
    path("connections/<uuid:connection_id>/permissions/", page.permissions, name="permissions"),
    path("connections/<uuid:connection_id>/activity/", activity.activity, name="activity"),
    path("connections/<uuid:connection_id>/rename/", page.rename, name="rename"),
    path("connections/<uuid:connection_id>/sharing/", sharing.sharing, name="sharing"),
    path("connections/<uuid:connection_id>/hand-over/", sharing.hand_over, name="hand_over"),
    path("connections/<uuid:connection_id>/refresh/", actions.refresh, name="refresh"),
    path("connections/<uuid:connection_id>/reconnect/", connect.reconnect, name="reconnect"),
    path("connections/<uuid:connection_id>/values/", connect.values, name="values"),
    path("connections/<uuid:connection_id>/key/", keys.replace, name="key"),
    path("connections/<uuid:connection_id>/trace/", trace.of_connection, name="trace"),
    path("custom-apis/<slug:slug>/trace/", trace.of_api, name="api_trace"),
    path("connections/<uuid:connection_id>/disconnect/", actions.disconnect, name="disconnect"),
]
