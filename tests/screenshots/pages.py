"""The pages that are photographed and checked for accessibility, and the states that they are brought to."""

from collections.abc import Callable

from playwright.sync_api import Page

PATHS = (
    "/plugins/", "/plugins/?q=no-such-service", "/plugins/sandbox/", "/plugins/github/", "/plugins/anthropic/",
    "/plugins/slack/app/", "/custom-apis/", "/custom-apis/new/", "/try/", "/try/?integration=sandbox",
    "/settings/integrations/", "/settings/integrations/?group=owner", "/settings/integrations/?q=no-such-connection",
    "/settings/integrations/?status=needs_attention", "/settings/credentials/", "/settings/credentials/expiring/",
    "/notifications/", "/settings/audit-log/", "/settings/audit-log/?q=no-such-event",
    "/settings/team/", "/settings/team/name/", "/settings/team/leave/", "/settings/team/unneeded-access/",
    "/settings/team/unneeded-access/?show=connections", "/settings/api-keys/", "/settings/webhooks/",
    "/account/", "/account/notifications/", "/account/delete/", "/accounts/email/", "/accounts/password/change/",
    "/accounts/2fa/", "/accounts/2fa/totp/activate/", "/accounts/sessions/", "/accounts/logout/",
    "/help/", "/help/?q=token", "/help/token-expired/", "/api/docs/", "/api/docs/?operation=webhooks_create",
    "/teams/new/", "/admin/", "/admin/health/", "/admin/connections/connection/",
    "/admin/integrations/oauthapp/", "/admin/integrations/oauthapp/add/", "/admin/audit/auditevent/",
    "/admin/integrations/integration/", "/admin/integrations/servicerequest/", "/admin/teams/user/",
    "/admin/teams/team/", "/admin/teams/apikey/", "/admin/teams/invitation/",
    "/admin/connections/authorizationattempt/", "/nowhere/",
)  # fmt: skip
# Pages that people see before they sign in.
OPEN_PATHS = ("/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/accounts/password/reset/done/",
    "/accounts/confirm-email/", "/help/", "/api/docs/", "/invitations/no-such-invitation/")  # fmt: skip
TABS = ("", "permissions/", "sharing/", "activity/", "trace/", "disconnect/")
# Pages of the first thing that these lists link to: its address, and the addresses below it. The history of a row is
# the same page for each model.
LINKED = {
    "/settings/integrations/": (r"/connections/[0-9a-f-]{36}/", (*TABS, "rename/", "hand-over/")),
    "/settings/webhooks/": (r"/settings/webhooks/[0-9a-f-]{36}/", ("", "remove/")),
    "/custom-apis/": (r"/custom-apis/(?!new/)[a-z0-9-]+/", ("", "authentication/", "operations/", "delete/")),
    "/settings/team/": (r"/settings/team/members/\d+/", ("role/", "remove/")),
    "/settings/api-keys/": (r"/settings/api-keys/[0-9a-f-]{36}/", ("revoke/",)),
    **{
        f"/admin/{model}/": (rf"/admin/{model}/[0-9a-f-]+/change/", below)
        for below, models in (
            (("", "../history/"), ("connections/connection", "integrations/oauthapp")),
            (("",), ("integrations/integration", "teams/user", "teams/team", "teams/apikey", "teams/invitation",
                "audit/auditevent")),
        )
        for model in models
    },
}  # fmt: skip


def _select(action: str) -> Callable[[Page], None]:
    """Submits the first two connections of the list with the button of the action."""

    def act(page: Page) -> None:
        for box in page.locator("#connections input[name=id]").all()[:2]:
            box.check()
        page.locator(f"#selection .bulk [formaction$='/{action}/']").click()
        page.locator("[aria-labelledby=question], [aria-labelledby=result]").first.wait_for()

    return act


def _open(selector: str, shown: str = "") -> Callable[[Page], None]:
    """Clicks an element, and waits for what it shows."""

    def act(page: Page) -> None:
        page.locator(selector).locator("visible=true").first.click()
        if shown:
            page.locator(shown).first.wait_for()

    return act


def _open_in_sidebar(selector: str) -> Callable[[Page], None]:
    """On narrow screens, the sidebar is opened first."""

    def act(page: Page) -> None:
        menu = page.locator(".topbar [popovertarget=sidebar]")
        if menu.is_visible():
            menu.click()
        page.locator(selector).click()

    return act


def _key(key: str, shown: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        page.keyboard.press(key)
        page.locator(shown).first.wait_for()

    return act


def _submit_empty(page: Page) -> None:
    """Submits the last form without what it requires."""
    form = page.locator("main form[method=post]:has(input:not([type=hidden]), textarea)").last
    form.evaluate("form => { form.noValidate = true; form.querySelector('[type=submit]').click() }")
    page.locator("[aria-invalid=true], [role=alert], .errors, .errorlist").first.wait_for()


def _question(page: Page) -> None:
    page.locator("#connections .menu > summary").first.click()
    page.locator("#connections .menu[open] a[href$='/disconnect/']").click()
    page.locator("#dialogs dialog").wait_for()


INTEGRATIONS = "/settings/integrations/"
# For what is the same on each page.
SMALL = "/settings/team/name/"
# Menus, dialogs, errors and answers: the page, and what brings it to the state.
STATES: dict[str, tuple[str, Callable[[Page], None]]] = {
    "team-menu": (SMALL, _open_in_sidebar("summary.switcher")),
    "account-menu": (SMALL, _open_in_sidebar(".menu--up > summary")),
    "row-menu": (INTEGRATIONS, _open("#connections .menu > summary")),
    "disconnect-dialog": (INTEGRATIONS, _question),
    "palette": (INTEGRATIONS, _key("Control+k", "#palette-list [role=option]")),
    "palette-of-operators": ("/admin/", _key("Control+k", "#palette-list [role=option]")),
    "shortcuts": (SMALL, _key("?", "#shortcuts")),
    "bulk-share": (INTEGRATIONS, _select("share")),
    "bulk-hand-over": (INTEGRATIONS, _select("hand-over")),
    "bulk-disconnect": (INTEGRATIONS, _select("disconnect")),
    "bulk-checked": (INTEGRATIONS, _select("check")),
    "audit-details": ("/settings/audit-log/", _open("main a[aria-expanded=false]", "tr.detail")),
    **{
        f"errors-of{path.rstrip('/').replace('/', '-')}": (path, _submit_empty)
        for path in ("/teams/new/", "/custom-apis/new/", "/settings/webhooks/", "/settings/api-keys/",
            "/settings/team/", "/accounts/password/change/", "/admin/integrations/oauthapp/add/", "/plugins/anthropic/")
    },
}  # fmt: skip
