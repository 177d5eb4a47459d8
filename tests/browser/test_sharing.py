"""Sharing in a real browser: what a colleague sees and does at each level, who is named before they lose it, and
whose a connection is after its owner has gone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.cast import Visitor, somebody
from tests.e2e.inside import Inside
from tests.processes import Product

pytestmark = [pytest.mark.needs_browser, pytest.mark.xdist_group("browser")]


@pytest.fixture
def colleague(product: Product, look: Inside, browser: Browser, visitor: Visitor) -> Iterator[Visitor]:
    """Max Member of the visitor's team."""
    with somebody(product, look, browser, name="Max Member", team=visitor.team) as who:
        yield who


def test_a_colleague_joins_by_an_invitation(product: Product, look: Inside, browser: Browser, visitor: Visitor) -> None:
    with somebody(product, look, browser, name="Max Member") as colleague:
        assert colleague.plain is not None
        visitor.page.goto("/settings/team/")
        visitor.page.get_by_label("E-mail addresses").fill(colleague.plain.email)
        visitor.page.get_by_role("button", name="Create invitation links").click()
        colleague.page.goto(visitor.page.locator(".copybox code").inner_text())
        colleague.page.get_by_role("button", name="Join as Max Member").click()
        expect(colleague.page.locator(".switcher")).to_contain_text("Fernhill")
    visitor.page.reload()
    expect(visitor.page.get_by_label("More for Max Member")).to_be_visible()


def open_page(visitor: Visitor, name: str = "Ada Example") -> None:
    """The page of a connection, from the list."""
    visitor.open_list()
    visitor.page.get_by_role("link", name=name, exact=True).first.click()
    expect(visitor.page.get_by_role("heading", level=1, name=name)).to_be_visible()


def tab(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Connection").get_by_role("link", name=name).click()


def share(visitor: Visitor, address: str, level: str) -> None:
    visitor.page.goto(f"{address}sharing/")
    visitor.page.get_by_role("switch", name="Share with team").check()
    visitor.page.get_by_role("radio", name=level).check()
    visitor.page.get_by_role("radio", name="Selected members").check()
    visitor.page.get_by_role("checkbox", name="Max Member").check()
    visitor.page.get_by_role("button", name="Save sharing").click()
    expect(visitor.page.locator("#flash")).to_contain_text("is shared with 1 member")


def run_workflow(visitor: Visitor, name: str) -> None:
    """A token call that carries the workflow's name, with the page's own session."""
    page = visitor.page
    connection = page.url.rstrip("/").rpartition("/")[2]
    token = page.locator("input[name=csrfmiddlewaretoken]").first.input_value()
    answer = page.request.post(
        f"/api/v1/connections/{connection}/token/",
        headers={"X-CSRFToken": token, "Specway-Workflow": f'{name.lower()}; name="{name}"'},
        data={},
    )
    assert answer.status == 200, answer.text()


def test_each_level_shows_and_allows_a_colleague_what_it_says(visitor: Visitor, colleague: Visitor) -> None:
    address = visitor.has_connected("ada")
    colleague.open_list()
    expect(colleague.page.locator(".conn")).to_have_count(0)
    tabs = colleague.page.get_by_role("navigation", name="Connection")

    share(visitor, address, "Use only")
    open_page(colleague)
    expect(colleague.page.locator("main")).to_contain_text("Working")
    expect(colleague.page.locator("main")).to_contain_text("Use only")
    expect(tabs).to_have_count(0)
    expect(colleague.page.get_by_role("link", name="Disconnect…")).to_have_count(0)

    share(visitor, address, "View")
    colleague.page.goto(address)
    for name, shown in (("Permissions", "Granted"), ("Sharing", "Max Member"), ("Activity", "Sharing changed")):
        tab(colleague.page, name)
        expect(colleague.page.locator("main")).to_contain_text(shown)
    expect(colleague.page.get_by_role("button", name="Save sharing")).to_have_count(0)
    expect(colleague.page.get_by_role("button", name="Refresh")).to_have_count(0)

    share(visitor, address, "Manage")
    colleague.page.goto(address)
    colleague.page.get_by_text("Rename", exact=True).click()
    colleague.page.get_by_label("New name").fill("Support desk")
    colleague.page.get_by_role("button", name="Save name").click()
    expect(colleague.page.get_by_role("heading", level=1, name="Support desk")).to_be_visible()
    colleague.page.get_by_role("button", name="Refresh").click()
    expect(colleague.page.locator("#flash")).to_contain_text("Support desk has a new token.")
    expect(colleague.page.get_by_role("heading", level=1, name="Support desk")).to_be_visible()


def test_a_narrower_reconnect_asks_for_less_and_the_page_follows(visitor: Visitor) -> None:
    visitor.page.goto(visitor.has_connected("ada"))
    tab(visitor.page, "Permissions")
    granted = visitor.page.get_by_role("region", name="Granted").locator("li")
    expect(granted).not_to_have_count(0)
    before = granted.count()
    assert before > 1
    visitor.page.get_by_text("Reconnect with…").click()
    visitor.page.locator("details input[value='messages:read']").uncheck()
    popup = visitor.popup_of(visitor.page.get_by_role("button", name="Reconnect with selected permissions"))
    visitor.sign_in_there(popup, "Ada Example")
    with popup.expect_event("close"):
        popup.get_by_role("button", name="Approve").click()
    expect(visitor.page.locator("[data-connecting]")).to_contain_text("Connected")
    visitor.page.reload()
    expect(granted).to_have_count(before - 1)


def test_unsharing_and_disconnecting_name_people_and_workflows_first(visitor: Visitor, colleague: Visitor) -> None:
    address = visitor.has_connected("ada")
    share(visitor, address, "Use only")
    visitor.page.goto(address)
    run_workflow(visitor, "Nightly export")
    visitor.page.reload()
    expect(visitor.page.get_by_role("region", name="Connected workflows")).to_contain_text("Nightly export")
    expect(visitor.page.get_by_role("img", name="Calls per day: 1 in total")).to_be_visible()

    visitor.page.get_by_role("link", name="Disconnect…").click()
    dialog = visitor.page.get_by_role("dialog", name="Disconnect Ada Example?")
    expect(dialog).to_contain_text("Nightly export")
    expect(dialog).to_contain_text("1 colleague loses access: Max Member.")
    expect(dialog.get_by_role("button", name="Keep connection")).to_be_focused()
    visitor.page.keyboard.press("Escape")

    tab(visitor.page, "Sharing")
    visitor.page.get_by_role("switch", name="Share with team").uncheck()
    visitor.page.get_by_role("button", name="Save sharing").click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Make Ada Example personal?")
    expect(visitor.page.locator("main")).to_contain_text("Max Member")
    colleague.open_list()
    expect(colleague.row("Ada Example")).to_be_visible()
    visitor.page.get_by_role("button", name="Make it personal").click()
    expect(visitor.page.locator("#flash")).to_contain_text("is personal now")
    colleague.open_list()
    expect(colleague.page.locator(".conn")).to_have_count(0)

    visitor.page.goto(address)
    visitor.page.get_by_role("link", name="Disconnect…").click()
    dialog.get_by_role("button", name="Disconnect and stop 1 workflow").click()
    expect(visitor.page.get_by_text("Access revoked at Sandbox")).to_be_visible()


def test_what_a_member_leaves_is_handed_over_and_the_new_owner_reconnects_it(
    visitor: Visitor, colleague: Visitor
) -> None:
    address = colleague.has_connected("grace")
    colleague.page.goto(f"{address}sharing/")
    colleague.page.get_by_role("switch", name="Share with team").check()
    colleague.page.get_by_role("button", name="Save sharing").click()
    expect(colleague.page.locator("#flash")).to_contain_text("is shared with everyone")

    visitor.page.goto("/settings/team/")
    visitor.page.get_by_label("More for Max Member").click()
    visitor.page.get_by_role("link", name="Remove from team…").click()
    choice = visitor.page.get_by_label("What to do with Grace Example (Sandbox)")
    expect(choice).to_be_visible()
    expect(choice.locator("option:checked")).to_have_text("Hand over to Olivia Owner")
    visitor.page.get_by_role("button", name="Remove from team").click()
    expect(visitor.page.locator("#flash")).to_contain_text("Handed over: Grace Example")

    visitor.page.goto(address)
    notice = visitor.page.get_by_text("Handed over by Max Member.")
    expect(notice).to_be_visible()
    # It works on meanwhile, with the access that Max gave.
    visitor.page.get_by_role("button", name="Refresh").click()
    expect(visitor.page.locator("#flash")).to_contain_text("has a new token")
    popup = visitor.popup_of(visitor.page.get_by_role("button", name="Reconnect"))
    visitor.sign_in_there(popup, "Grace Example")
    with popup.expect_event("close"):
        popup.get_by_role("button", name="Approve").click()
    expect(visitor.page.locator("[data-connecting]")).to_contain_text("Connected")
    visitor.page.reload()
    expect(notice).to_have_count(0)
