"""Refreshing, reconnecting and disconnecting in a real browser, against the real service."""

import pytest
from playwright.sync_api import expect

from tests.browser.cast import Visitor
from tests.processes import Product

pytestmark = [pytest.mark.needs_browser, pytest.mark.xdist_group("browser")]


def test_refresh_fetches_a_new_token_and_says_so(visitor: Visitor, product: Product) -> None:
    assert product.sandbox is not None
    visitor.has_connected("ada")
    visitor.open_list()
    sandbox = product.sandbox
    # The other tests' connections refresh by themselves meanwhile: only this one's count.
    grant = [line["grant_id"] for line in sandbox.journal() if line["outcome"] == "approved"][-1]
    before = [line["grant_id"] for line in sandbox.refreshes()].count(grant)
    button = visitor.row("Ada Example").get_by_role("button", name="Refresh")
    visitor.wait_until_refreshable()
    button.click()
    expect(visitor.page.locator("#flash")).to_contain_text("Ada Example has a new token.")
    expect(button).to_be_focused()
    assert [line["grant_id"] for line in sandbox.refreshes()].count(grant) == before + 1


def test_a_refused_refresh_leads_into_the_reconnect_which_keeps_the_connection(visitor: Visitor) -> None:
    visitor.has_connected("ada", "refresh_refused")
    visitor.open_list()
    row_id = visitor.row("Ada Example").get_attribute("id")
    visitor.wait_until_refreshable()
    visitor.row("Ada Example").get_by_role("button", name="Refresh").click()
    offer = visitor.page.locator("#flash").get_by_role("button", name="Reconnect")
    expect(offer).to_be_focused()
    popup = visitor.popup_of(offer)
    visitor.sign_in_there(popup, "Ada Example")
    with popup.expect_event("close"):
        popup.get_by_role("button", name="Approve").click()
    expect(visitor.page.locator("[data-connecting]")).to_contain_text("Connected")
    expect(visitor.page.locator(".conn")).to_have_count(1)
    assert visitor.row("Ada Example").get_attribute("id") == row_id
    visitor.open_list()
    visitor.row("Ada Example").get_by_role("button", name="Refresh").click()
    expect(visitor.page.locator("#flash")).to_contain_text("has a new token")


def test_another_account_on_reconnect_is_asked_about_and_can_become_a_new_connection(visitor: Visitor) -> None:
    visitor.has_connected("ada")
    visitor.open_list()
    visitor.reconnect(visitor.row("Ada Example"), "Grace Example")
    question = visitor.page.get_by_role("alert").filter(has_text="This is a different account")
    expect(question).to_contain_text("Nothing has changed yet.")
    expect(visitor.page.locator(".conn")).to_have_count(1)
    question.get_by_role("button", name="Add Grace Example as new").click()
    expect(visitor.row("Grace Example")).to_contain_text("Working")
    expect(visitor.row("Ada Example")).to_contain_text("Working")


def test_another_account_on_reconnect_can_be_discarded(visitor: Visitor) -> None:
    visitor.has_connected("ada")
    visitor.open_list()
    visitor.reconnect(visitor.row("Ada Example"), "Ada Example", "Sign in as the other person")
    visitor.page.get_by_role("button", name="Discard").click()
    expect(visitor.page.locator("[data-connecting]")).to_contain_text("Ada Example is unchanged.")
    visitor.open_list()
    expect(visitor.page.locator(".conn")).to_have_count(1)
    visitor.row("Ada Example").get_by_role("button", name="Refresh").click()
    expect(visitor.page.locator("#flash")).to_contain_text("Ada Example has a new token.")


def test_another_account_on_reconnect_can_take_the_place_of_the_first(visitor: Visitor) -> None:
    visitor.has_connected("ada")
    visitor.open_list()
    row_id = visitor.row("Ada Example").get_attribute("id")
    visitor.reconnect(visitor.row("Ada Example"), "Grace Example")
    visitor.page.get_by_role("button", name="Replace").click()
    expect(visitor.row("Grace Example")).to_contain_text("Working")
    assert visitor.row("Grace Example").get_attribute("id") == row_id
    expect(visitor.page.locator(".conn")).to_have_count(1)


def test_disconnecting_asks_first_and_says_what_was_revoked(visitor: Visitor) -> None:
    visitor.has_connected("ada")
    visitor.open_list()
    menu = visitor.row("Ada Example").locator("summary")
    menu.focus()
    visitor.page.keyboard.press("Enter")
    visitor.page.keyboard.press("End")
    visitor.page.keyboard.press("Enter")
    dialog = visitor.page.get_by_role("dialog", name="Disconnect Ada Example?")
    expect(dialog.get_by_role("button", name="Keep connection")).to_be_focused()
    visitor.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(menu).to_be_focused()
    menu.click()
    visitor.row("Ada Example").get_by_role("link", name="Disconnect…").click()
    dialog.get_by_role("button", name="Disconnect", exact=True).click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Ada Example is disconnected")
    expect(visitor.page.get_by_text("Access revoked at Sandbox")).to_be_visible()
    visitor.page.get_by_role("link", name="Back to Integrations").click()
    expect(visitor.page.locator(".conn")).to_have_count(0)


def test_what_is_ticked_stays_ticked_while_the_list_updates_itself(visitor: Visitor) -> None:
    visitor.has_connected("ada")
    visitor.open_list()
    box = visitor.page.get_by_role("checkbox", name="Select Ada Example")
    box.check()
    with visitor.page.expect_response("**/settings/integrations/*"):
        pass
    expect(box).to_be_checked()
    visitor.page.get_by_role("button", name="Refresh selected").click()
    expect(visitor.page.locator("#flash")).to_contain_text("New tokens for Ada Example.")
