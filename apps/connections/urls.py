"""Pages of connections."""

from django.urls import path

from apps.connections.views import (
    actions,
    activity,
    attempts,
    callback,
    checks,
    connect,
    connect_links,
    credentials,
    detail,
    keys,
    listing,
    offboarding,
    plugins,
    sharing,
    trace,
)

app_name = "connections"
urlpatterns = [
    path("plugins/", plugins.plugins, name="plugins"),
    path("plugins/<slug:slug>/", plugins.service, name="service"),
    path("connect/<slug:slug>/", connect.connect, name="connect"),
    path("connect/<slug:slug>/key/", keys.connect, name="connect_key"),
    path("connect/attempts/<uuid:attempt_id>/", attempts.attempt, name="attempt"),
    path("connect/attempts/<uuid:attempt_id>/cancel/", attempts.cancel, name="cancel"),
    path("connect/attempts/<uuid:attempt_id>/continue/", attempts.continue_here, name="continue"),
    path("connect/attempts/<uuid:attempt_id>/decide/", attempts.decide, name="decide"),
    path("connect/links/<str:token>/", connect_links.link, name="connect_link"),
    path("connect/links/done/<uuid:session_id>/", connect_links.done, name="connect_done"),
    path("oauth/callback", callback.callback, name="callback"),
    path("oauth/return/<uuid:callback_id>", callback.callback, name="own_callback"),
    # Own callbacks that were registered before they moved beside the common one.
    path("oauth/callback/<uuid:callback_id>", callback.callback, name="nested_callback"),
    path("settings/integrations/", listing.listing, name="list"),
    path("settings/integrations/refresh/", actions.refresh_selected, name="refresh_selected"),
    path("settings/team/leave/", offboarding.leave, name="leave_team"),
    path("settings/team/members/<int:pk>/remove/", offboarding.remove_member, name="remove_member"),
    path("account/delete/", offboarding.delete_account, name="delete_account"),
    path("settings/credentials/", credentials.credentials, name="credentials"),
    path("connections/<uuid:connection_id>/", detail.overview, name="connection"),
    path("connections/<uuid:connection_id>/permissions/", detail.permissions, name="permissions"),
    path("connections/<uuid:connection_id>/activity/", activity.activity, name="activity"),
    path("connections/<uuid:connection_id>/rename/", detail.rename, name="rename"),
    path("connections/<uuid:connection_id>/sharing/", sharing.sharing, name="sharing"),
    path("connections/<uuid:connection_id>/hand-over/", sharing.hand_over, name="hand_over"),
    path("connections/<uuid:connection_id>/check/", checks.check, name="check"),
    path("connections/<uuid:connection_id>/refresh/", actions.refresh, name="refresh"),
    path("connections/<uuid:connection_id>/reconnect/", connect.reconnect, name="reconnect"),
    path("connections/<uuid:connection_id>/values/", connect.values, name="values"),
    path("connections/<uuid:connection_id>/key/", keys.replace, name="key"),
    path("connections/<uuid:connection_id>/trace/", trace.of_connection, name="trace"),
    path("custom-apis/<slug:slug>/trace/", trace.of_api, name="api_trace"),
    path("connections/<uuid:connection_id>/disconnect/", actions.disconnect, name="disconnect"),
]
