"""The layout in a real browser: menus by keyboard, copying, single submission, and no policy violations."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from tests import factories

pytestmark = [
    pytest.mark.needs_browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("browser_own_server"),
    pytest.mark.same_on_each_database,
]


@dataclass
class Visit:
    """The tab of a signed-in operator, and the browser's console messages."""

    page: Any
    url: str
    complaints: list[str]


@pytest.fixture
def visit(live_server: LiveServer, browser: Browser) -> Iterator[Visit]:
    membership = factories.make_member()
    membership.user.is_staff = membership.user.is_superuser = True
    membership.user.save()
    factories.make_member(factories.make_team("Kestrel Films"), user=membership.user)
    cookies = factories.client_for(membership).cookies
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    context.add_cookies([{"name": c.key, "value": c.value, "url": live_server.url} for c in cookies.values()])
    page = context.new_page()
    page.set_default_timeout(15_000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield Visit(page, live_server.url, complaints)
    context.close()


def focused(page: Any) -> str:
    return str(page.evaluate("document.activeElement.textContent.trim()"))


def test_a_menu_can_be_used_by_keyboard(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.url}/account/")
    page.locator("summary.account").focus()
    page.keyboard.press("ArrowDown")
    assert focused(page) == "Account"
    page.keyboard.press("End")
    assert focused(page) == "Sign out"
    page.keyboard.press("ArrowDown")
    assert focused(page) == "Account"
    page.keyboard.press("Escape")
    assert page.locator("details.menu[open]").count() == 0
    assert page.evaluate("document.activeElement.className") == "account"
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Account", exact=True).click()
    assert page.locator("details.menu[open]").count() == 0
    assert visit.complaints == []


def test_escape_closes_the_menu_before_the_sidebar_on_a_phone(visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"{visit.url}/account/")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_role("button", name="Menu", exact=True).click()
    page.locator("summary.switcher").click()
    page.keyboard.press("Escape")
    assert page.locator("details.menu[open]").count() == 0
    assert page.evaluate("document.getElementById('sidebar').matches(':popover-open')")
    page.keyboard.press("Escape")
    assert not page.evaluate("document.getElementById('sidebar').matches(':popover-open')")


def test_the_team_is_switched_in_the_navigation(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.url}/account/")
    page.locator("summary.switcher").click()
    page.get_by_role("button", name="Kestrel Films").click()
    page.wait_for_url(lambda url: not url.endswith("/account/"))
    assert "Kestrel Films" in page.locator(".switcher__text").text_content()


def test_the_copy_button_confirms_and_resets(visit: Visit) -> None:
    page = visit.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{visit.url}/help/callback/")
    button = page.locator(".copybox button")
    button.click()
    page.locator("#live", has_text="Copied").wait_for(state="attached")
    assert "Copied" in button.text_content()
    assert page.evaluate("navigator.clipboard.readText()").endswith("/oauth/callback")
    page.locator(".copybox button", has_text="Copy callback URL").wait_for()
    assert visit.complaints == []


def test_a_form_is_submitted_only_once(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.url}/account/")
    name = secrets.token_hex(4)
    page.get_by_label("Name").fill(name)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.evaluate(
        "async () => { const f = document.querySelector('main form'); f.requestSubmit();"
        " await new Promise((done) => setTimeout(done)); f.requestSubmit(); }"
    )
    page.get_by_text("Profile saved.").wait_for()
    assert sent == [f"{visit.url}/account/"]


def test_the_admin_and_the_api_documentation_comply_with_the_policy(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.url}/api/docs/")
    page.get_by_role("heading", name="API reference").wait_for()
    page.goto(f"{visit.url}/admin/teams/user/add/")
    page.get_by_label("Name").wait_for()
    page.get_by_role("link", name="Leave administration").click()
    page.get_by_role("heading", name="Plugins").wait_for()
    assert visit.complaints == []


def test_the_api_reference_lists_operations_as_one_types_and_keeps_the_search(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.url}/api/docs/")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.keyboard.press("/")
    page.keyboard.type("webhooks replay")
    page.locator("#operations-count", has_text="1 operation").wait_for()
    assert (page.locator(".toc a:visible").count(), page.locator("dd[data-operation]:visible").count()) == (1, 1)
    assert requests == []
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**operation=webhooks_replay&q=webhooks+replay")
    assert page.locator(".toc a:visible").count() == 1
    page.locator("#operations-search").fill("")
    page.locator('.toc a[href*="connections_check"]').first.wait_for()
    page.goto(f"{visit.url}/api/docs/#/connections/connections_check")
    page.wait_for_url("**operation=connections_check")
    assert visit.complaints == []


def test_the_tab_key_goes_from_the_address_to_the_password(live_server: LiveServer, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(f"{live_server.url}/accounts/login/")
    page.locator("#id_login").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "id_password"
    page.close()


def test_what_was_typed_is_filled_in_again_after_signing_in(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.url}/account/")
    cookies = page.context.cookies()
    name = f"Typed {secrets.token_hex(4)}"
    page.get_by_label("Name").fill(name)
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.get_by_role("button", name="Save profile").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    assert "next=/account/" in page.url
    # Signing in again: the same session, and the redirect of the login form.
    page.context.add_cookies(cookies)
    page.evaluate("location.href = new URLSearchParams(location.search).get('next')")
    page.locator("#main").get_by_text("the form was not sent").wait_for()
    assert page.get_by_label("Name").input_value() == name
    assert page.evaluate("sessionStorage.getItem('specway-draft')") is None
    assert visit.complaints == []
