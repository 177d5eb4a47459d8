"""Connecting in a real browser, with the real service in a real popup: the happy end and each unhappy one."""

import pytest
from playwright.sync_api import expect

from tests.browser.cast import Visitor
from tests.processes import Product
from tests.services import chromium

pytestmark = [pytest.mark.needs_browser, pytest.mark.xdist_group("browser")]


def test_a_service_is_connected_in_a_popup_and_listed_as_active(visitor: Visitor) -> None:
    visitor.page.goto("/plugins/")
    visitor.page.locator("main").get_by_role("link", name="Sandbox").first.click()
    expect(visitor.page.get_by_role("heading", level=1, name="Sandbox")).to_be_visible()
    popup = visitor.popup_of(visitor.connect_button)
    waiting = visitor.page.get_by_role("status").filter(has_text="Waiting for Sandbox")
    expect(waiting).to_be_visible()
    visitor.sign_in_there(popup, "Ada Example")
    with popup.expect_event("close"):
        popup.get_by_role("button", name="Approve").click()
    card = visitor.page.locator("[data-connecting]")
    expect(card.get_by_role("heading", name="Ada Example")).to_be_visible()
    expect(card).to_contain_text("2 permissions granted")
    card.get_by_role("link", name="Open Integrations").click()
    expect(visitor.row("Ada Example")).to_contain_text("Working")
    expect(visitor.row("Ada Example")).to_contain_text("Refreshes in")


def test_a_denial_is_reported_and_leaves_nothing(visitor: Visitor) -> None:
    visitor.open_sandbox()
    popup = visitor.popup_of(visitor.connect_button)
    visitor.sign_in_there(popup, "Ada Example", "I deny")
    with popup.expect_event("close"):
        popup.get_by_role("button", name="Deny").click()
    expect(visitor.page.get_by_role("alert")).to_contain_text("access was denied at Sandbox")
    visitor.open_list()
    expect(visitor.page.locator(".conn")).to_have_count(0)


def test_a_popup_closed_by_hand_is_noticed_and_can_be_opened_again(visitor: Visitor) -> None:
    visitor.open_sandbox()
    visitor.popup_of(visitor.connect_button).close()
    notice = visitor.page.get_by_role("alert")
    expect(notice).to_contain_text("The window was closed before Sandbox responded")
    popup = visitor.popup_of(notice.get_by_role("button", name="Try again"))
    visitor.sign_in_there(popup, "Ada Example")
    popup.get_by_role("button", name="Approve").click()
    expect(visitor.page.locator("[data-connecting]")).to_contain_text("Connected")


def test_cancelling_closes_the_popup_and_gives_the_focus_back(visitor: Visitor) -> None:
    visitor.open_sandbox()
    popup = visitor.popup_of(visitor.connect_button)
    with popup.expect_event("close"):
        visitor.page.get_by_role("button", name="Cancel").click()
    expect(visitor.page.get_by_role("status").filter(has_text="Canceled")).to_be_visible()
    visitor.page.get_by_role("button", name="Close", exact=True).click()
    expect(visitor.connect_button).to_be_focused()


# What no person did is what a browser blocks, so the form is sent without a click.
SENT_WITHOUT_A_CLICK = "addEventListener('load', () => document.querySelector('form[data-connect]')?.requestSubmit())"


def test_a_blocked_popup_is_noticed_at_once_and_this_tab_goes_on(visitor: Visitor, product: Product) -> None:
    browser = visitor.page.context.browser
    assert browser is not None
    # Playwright switches the blocker off, by default.
    strict = browser.browser_type.launch(
        executable_path=chromium(), args=["--no-sandbox"], ignore_default_args=["--disable-popup-blocking"]
    )
    context = strict.new_context(base_url=product.url, storage_state=visitor.page.context.storage_state())
    blocked = Visitor(context.new_page())
    blocked.page.add_init_script(SENT_WITHOUT_A_CLICK)
    blocked.page.goto("/plugins/sandbox/")
    notice = blocked.page.get_by_role("alert")
    expect(notice).to_contain_text("Your browser blocked the window")
    notice.get_by_role("button", name="Continue in this tab").click()
    blocked.sign_in_there(blocked.page, "Ada Example")
    blocked.page.get_by_role("button", name="Approve").click()
    blocked.page.wait_for_url("**/settings/integrations/?new=*")
    expect(blocked.row("Ada Example")).to_contain_text("Working")
    strict.close()


def test_without_javascript_the_same_tab_goes_there_and_back(visitor: Visitor, product: Product) -> None:
    browser = visitor.page.context.browser
    assert browser is not None
    context = browser.new_context(
        base_url=product.url, storage_state=visitor.page.context.storage_state(), java_script_enabled=False
    )
    plain = Visitor(context.new_page())
    plain.open_sandbox()
    plain.connect_button.click()
    plain.sign_in_there(plain.page, "Ada Example")
    plain.page.get_by_role("button", name="Approve").click()
    expect(plain.row("Ada Example")).to_contain_text("Working")
    plain.row("Ada Example").get_by_role("button", name="Refresh").click()
    expect(plain.page.locator("#flash")).to_contain_text("Ada Example has a new token.")
    context.close()


def test_two_accounts_of_one_service_stand_side_by_side(visitor: Visitor) -> None:
    visitor.has_connected("ada")
    visitor.connect("Grace Example")
    visitor.open_list()
    expect(visitor.page.locator(".conn")).to_have_count(2)
    expect(visitor.row("Ada Example")).to_contain_text("Working")
    expect(visitor.row("Grace Example")).to_contain_text("Working")


def test_the_list_shows_by_itself_what_another_window_connected(visitor: Visitor) -> None:
    visitor.has_connected("ada")
    visitor.open_list()
    expect(visitor.page.locator(".conn")).to_have_count(1)
    visitor.has_connected("grace")
    # Never reloaded: it asks every five seconds while it can be seen.
    expect(visitor.row("Grace Example")).to_contain_text("Working")


# Chromium without windows takes every page for visible.
HIDE = "Object.defineProperty(document, 'hidden', {value: true, configurable: true})"
SHOW = "delete document.hidden"
EMIT = "document.dispatchEvent(new Event('visibilitychange'))"


def test_a_hidden_list_asks_for_nothing_until_it_is_shown_again(visitor: Visitor) -> None:
    visitor.has_connected("ada")
    visitor.page.clock.install()
    visitor.open_list()
    visitor.page.evaluate(f"{HIDE}; {EMIT}")
    visitor.has_connected("grace")
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url) if "version=" in request.url else None)
    visitor.page.clock.fast_forward("05:00")
    visitor.page.evaluate("fetch('/healthz')")  # so that a request before it would be known here
    assert asked == []
    visitor.page.evaluate(f"{SHOW}; {EMIT}")
    expect(visitor.row("Grace Example")).to_contain_text("Working")
    assert len(asked) == 1


def test_a_session_that_ended_meanwhile_leads_to_the_login_page(visitor: Visitor) -> None:
    visitor.open_sandbox()
    visitor.page.context.clear_cookies(name="specway")
    visitor.connect_button.click()
    visitor.page.wait_for_url("**/accounts/login/**")
    # The window that the click opened has nothing to show any more.
    assert visitor.page.context.pages == [visitor.page]


def test_the_list_leads_to_the_login_page_when_the_session_ended(visitor: Visitor) -> None:
    visitor.has_connected("ada")
    visitor.open_list()
    visitor.page.context.clear_cookies(name="specway")
    visitor.page.wait_for_url("**/accounts/login/**")
    expect(visitor.page.get_by_role("heading", name="Integrations")).to_have_count(0)


@pytest.mark.parametrize(
    ("scenario", "words"),
    [("HTML instead of JSON", "its response was not a token"), ("The service is down", "HTTP status 503")],
)
def test_a_service_that_returns_no_grant_is_reported(visitor: Visitor, scenario: str, words: str) -> None:
    visitor.open_sandbox()
    popup = visitor.popup_of(visitor.connect_button)
    visitor.sign_in_there(popup, "Ada Example", scenario)
    with popup.expect_event("close"):
        popup.get_by_role("button", name="Approve").click()
    expect(visitor.page.get_by_role("alert")).to_contain_text(words)
    visitor.open_list()
    expect(visitor.page.locator(".conn")).to_have_count(0)


def test_what_the_service_did_not_grant_is_named(visitor: Visitor) -> None:
    visitor.open_sandbox()
    popup = visitor.popup_of(visitor.connect_button)
    visitor.sign_in_there(popup, "Ada Example", "I grant only part")
    with popup.expect_event("close"):
        popup.get_by_role("button", name="Approve").click()
    card = visitor.page.locator("[data-connecting]")
    expect(card).to_contain_text("some permissions were not granted")
    expect(card).to_contain_text("messages:read")


def test_the_services_own_page_lists_a_new_connection_without_being_loaded_again(visitor: Visitor) -> None:
    visitor.open_sandbox()
    visitor.page.evaluate("window.stillTheSame = true")
    listed = visitor.page.get_by_role("region", name="Connected")
    expect(listed).to_have_count(0)
    for account in ("Ada Example", "Grace Example"):
        popup = visitor.popup_of(visitor.connect_button)
        visitor.sign_in_there(popup, account)
        with popup.expect_event("close"):
            popup.get_by_role("button", name="Approve").click()
        expect(listed.get_by_role("link", name=account)).to_be_visible()
    expect(listed.get_by_role("listitem")).to_have_count(2)
    assert visitor.page.evaluate("window.stillTheSame") is True
