"""The pages that are photographed and checked for accessibility."""

PATHS = (
    "/plugins/", "/plugins/sandbox/", "/plugins/github/", "/plugins/slack/app/", "/custom-apis/", "/custom-apis/new/",
    "/try/",
    "/try/?integration=sandbox", "/settings/integrations/", "/settings/integrations/?group=owner",
    "/settings/integrations/?status=needs_attention", "/settings/credentials/", "/settings/credentials/expiring/",
    "/notifications/", "/settings/audit-log/",
    "/settings/team/", "/settings/team/unneeded-access/", "/settings/team/unneeded-access/?show=connections",
    "/settings/api-keys/", "/settings/webhooks/", "/account/", "/account/notifications/",
    "/help/", "/help/?q=token", "/help/token-expired/", "/api/docs/", "/teams/new/",
    "/admin/", "/admin/health/", "/admin/connections/connection/",
    "/admin/integrations/oauthapp/", "/admin/integrations/oauthapp/add/", "/admin/audit/auditevent/",
    "/admin/integrations/integration/", "/admin/integrations/servicerequest/", "/admin/teams/user/",
    "/admin/teams/team/", "/admin/teams/apikey/", "/nowhere/",
)  # fmt: skip
# Pages of the first connection and the first event that these lists show.
LINKED = {
    "/settings/integrations/": r"/connections/[0-9a-f-]{36}/",
    "/settings/audit-log/": r"/settings/audit-log/\d+/",
}
TABS = ("", "permissions/", "sharing/", "activity/", "trace/", "disconnect/")
