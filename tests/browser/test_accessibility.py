"""axe-core finds nothing on any page: each at a width and in a theme, and with menus, dialogs and errors open."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, StorageState

from tests.browser.axe import violations
from tests.processes import Product
from tests.screenshots.pages import PATHS, TABS

pytestmark = [pytest.mark.needs_browser, pytest.mark.xdist_group("browser")]
OWNER = "owner@specway.example"
# Of the four combinations each page is checked in one: `python -m tests.screenshots FOLDER --axe` checks all.
LOOKS = [(1280, "light"), (390, "dark"), (1280, "dark"), (390, "light")]


@pytest.fixture(scope="module")
def page(product: Product, browser: Browser, signed_in: StorageState) -> Iterator[Page]:
    """The owner's window, in a team with demonstration data."""
    product.manage("demo_data", "--connections", "40", "--events", "100", "--owner", OWNER)
    context = browser.new_context(base_url=product.url, storage_state=signed_in)
    opened = context.new_page()
    opened.goto("/plugins/")
    opened.locator("summary.switcher").click()
    opened.get_by_role("button", name="Demonstration").click()
    opened.get_by_role("heading", level=1).wait_for()
    yield opened
    context.close()


def show(page: Page, path: str, look: tuple[int, str] = LOOKS[0]) -> None:
    width, scheme = look
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(path)
    page.wait_for_load_state()


@pytest.mark.parametrize(("number", "path"), list(enumerate(PATHS)))
def test_no_page_has_violations(page: Page, number: int, path: str) -> None:
    show(page, path, LOOKS[number % len(LOOKS)])
    assert violations(page) == []


@pytest.mark.parametrize(("number", "tab"), list(enumerate(TABS)))
def test_no_tab_of_a_connection_has_violations(page: Page, number: int, tab: str) -> None:
    show(page, "/settings/integrations/")
    first = page.locator("a[href^='/connections/']").first.get_attribute("href")
    show(page, f"{first}{tab}", LOOKS[number % len(LOOKS)])
    assert violations(page) == []


@pytest.mark.parametrize("look", [LOOKS[0], LOOKS[2]])
def test_open_menus_have_no_violations(page: Page, look: tuple[int, str]) -> None:
    show(page, "/settings/integrations/", look)
    for menu in ("summary.switcher", ".menu--up > summary", "#connections .menu > summary"):
        page.locator(menu).first.click()
        assert violations(page) == [], menu
        page.keyboard.press("Escape")


@pytest.mark.parametrize("look", [LOOKS[0], LOOKS[1]])
def test_open_dialogs_have_no_violations(page: Page, look: tuple[int, str]) -> None:
    show(page, "/settings/integrations/", look)
    page.keyboard.press("Control+k")
    page.locator("#palette-list [role=option]").first.wait_for()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.locator("#palette").wait_for(state="hidden")
    page.keyboard.press("?")
    page.locator("#shortcuts").wait_for()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.locator("#shortcuts").wait_for(state="hidden")
    page.locator("#connections .menu > summary").first.click()
    page.get_by_role("link", name="Disconnect…").first.click()
    page.locator("#dialogs dialog").wait_for()
    assert violations(page) == []


@pytest.mark.parametrize("path", ["/teams/new/", "/custom-apis/new/", "/settings/webhooks/", "/settings/api-keys/"])
def test_forms_with_errors_have_no_violations(page: Page, path: str) -> None:
    show(page, path)
    form = page.locator("main form[method=post]").first
    form.evaluate("form => { form.noValidate = true; form.querySelector('[type=submit]').click() }")
    page.wait_for_load_state()
    page.locator("[aria-invalid=true], [role=alert], .errors").first.wait_for()
    assert violations(page) == []


def test_keys_work_in_the_frame_in_which_a_dialog_closed(page: Page) -> None:
    show(page, "/settings/integrations/")
    page.evaluate(
        """() => {
            const input = document.getElementById("palette-input");
            document.getElementById("palette").showModal();
            input.focus();
            document.getElementById("palette").close();
            input.dispatchEvent(new KeyboardEvent("keydown", { key: "?", bubbles: true }));
        }"""
    )
    page.locator("#shortcuts").wait_for()
    page.keyboard.press("Escape")
