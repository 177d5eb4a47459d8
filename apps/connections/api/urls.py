"""Routes of the REST API that belong to connections."""

from django.urls import path

from apps.connections.api import bulk, bulk_jobs, checks, connect_sessions, connections, integrations, sharing, tokens
from apps.integrations.custom_apis import api as custom_apis
from apps.integrations.custom_apis.doctor import api as doctor
from apps.integrations.oauth_apps import api as oauth_apps

urlpatterns = [
    path("connections/", connections.ConnectionsView.as_view(), name="connections"),
    path("connections/<uuid:pk>/", connections.ConnectionView.as_view(), name="connection"),
    path("connections/check/", checks.ChecksView.as_view(), name="connections_check"),
    path("connections/<uuid:pk>/check/", checks.CheckView.as_view(), name="connection_check"),
    path("connections/<uuid:pk>/token/", tokens.TokenView.as_view(), name="connection_token"),
    path("connections/<uuid:pk>/refresh/", connections.RefreshView.as_view(), name="connection_refresh"),
    path("connections/<uuid:pk>/sharing/", sharing.SharingView.as_view(), name="connection_sharing"),
    path("connections/<uuid:pk>/workflows/", sharing.WorkflowsView.as_view(), name="connection_workflows"),
    path("connections/<uuid:pk>/usage/", sharing.UsageView.as_view(), name="connection_usage"),
    path("bulk-jobs/", bulk_jobs.BulkJobsView.as_view(), name="bulk_jobs"),
    path("bulk-jobs/<uuid:pk>/", bulk_jobs.BulkJobView.as_view(), name="bulk_job"),
    path("bulk-jobs/<uuid:pk>/results/", bulk_jobs.BulkResultsView.as_view(), name="bulk_job_results"),
    path("usage/", sharing.TeamUsageView.as_view(), name="usage"),
    path("tokens/", bulk.TokensView.as_view(), name="tokens"),
    path("preflight/", bulk.PreflightView.as_view(), name="preflight"),
    path("connect-sessions/", connect_sessions.ConnectSessionsView.as_view(), name="connect_sessions"),
    path("connect-sessions/<uuid:pk>/", connect_sessions.ConnectSessionView.as_view(), name="connect_session"),
    path("integrations/", integrations.IntegrationListView.as_view(), name="integrations"),
    path("integrations/import/", custom_apis.ImportView.as_view(), name="integrations_import"),
    path("integrations/<slug:slug>/check/", doctor.CheckView.as_view(), name="integration_check"),
    path("integrations/<slug:slug>/oauth-app/", oauth_apps.OAuthAppView.as_view(), name="integration_oauth_app"),
    path(
        "integrations/<slug:slug>/oauth-app/test/",
        oauth_apps.OAuthAppTestView.as_view(),
        name="integration_oauth_app_test",
    ),
    path("integrations/<slug:slug>/", integrations.IntegrationDetailView.as_view(), name="integration"),
]
