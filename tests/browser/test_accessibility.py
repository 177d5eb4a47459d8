"""axe-core finds nothing on any page: each at a width and in a theme, and with menus, dialogs and errors open.

Nor is a page wider than the window, or complains in the browser's console."""

from collections.abc import Iterable, Iterator

import pytest
from playwright.sync_api import Browser, Page, StorageState

from apps.connections.views.connection_pages import TABLE_FROM
from tests.browser.axe import load_with_pages, violations
from tests.e2e.inside import Inside
from tests.processes import Product
from tests.screenshots.__main__ import linked
from tests.screenshots.pages import LINKED, OPEN_PATHS, PATHS, STATES

pytestmark = [pytest.mark.needs_browser, pytest.mark.xdist_group("browser")]
OWNER = "owner@specway.example"
LOADED_WITH_ERROR = "Failed to load resource: the server responded with a status of 4"
# A few connections more than those from which their list is a table: more of them look like these.
CONNECTIONS = TABLE_FROM + 3
DEMONSTRATION = f"""
import os
from django.core.management import call_command
from tests.screenshots.world import fill
with open(os.devnull, "w") as nowhere:
    call_command("demo_data", connections={CONNECTIONS}, events=100, owner=owner, stdout=nowhere)
fill(owner)
"""
# Of the four combinations each page is checked in one: `python -m tests.screenshots FOLDER --axe` checks all.
LOOKS = [(1280, "light"), (390, "dark"), (1280, "dark"), (390, "light")]
# What each window shows now: to set the same again makes the browser compute each style again.
SCHEMES: dict[Page, str] = {}


def by_look(cases: Iterable[str]) -> list[tuple[int, str]]:
    """The cases with their numbers, those with the same look together: a change of it draws the page before again."""
    return sorted(enumerate(cases), key=lambda case: case[0] % len(LOOKS))


@pytest.fixture(scope="module")
def page(product: Product, look: Inside, browser: Browser, signed_in: StorageState) -> Iterator[Page]:
    """The owner's window, in a team with demonstration data."""
    look.run(DEMONSTRATION, owner=OWNER)
    context = browser.new_context(base_url=product.url, storage_state=signed_in, reduced_motion="reduce")
    complaints: list[str] = []
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    load_with_pages(context)
    opened = context.new_page()
    opened.goto("/plugins/")
    opened.locator("summary.switcher").click()
    opened.get_by_role("button", name="Demonstration").click()
    opened.get_by_role("heading", level=1).wait_for()
    yield opened
    context.close()
    # Of the pages and forms that are shown with an error.
    assert [each for each in complaints if not each.startswith(LOADED_WITH_ERROR)] == []


@pytest.fixture(scope="module")
def stranger(product: Product, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(base_url=product.url, reduced_motion="reduce")
    load_with_pages(context)
    yield context.new_page()
    context.close()


def show(page: Page, path: str, look: tuple[int, str] = LOOKS[0]) -> None:
    width, scheme = look
    if page.viewport_size != {"width": width, "height": 900}:
        page.set_viewport_size({"width": width, "height": 900})
    if SCHEMES.get(page) != scheme:
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        SCHEMES[page] = scheme
    page.goto(path)
    page.wait_for_load_state()


def defects(page: Page) -> list[str]:
    """What axe-core finds, and whether the page is wider than the window."""
    wide, width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    return [*violations(page), *([f"{wide} pixels wide at {width}"] if wide > width else [])]


@pytest.mark.parametrize(("number", "path"), by_look(PATHS))
def test_no_page_has_violations(page: Page, number: int, path: str) -> None:
    show(page, path, LOOKS[number % len(LOOKS)])
    assert defects(page) == []


@pytest.mark.parametrize(("number", "list_path"), list(enumerate(LINKED)))
def test_no_page_below_a_list_has_violations(page: Page, number: int, list_path: str) -> None:
    pages = linked(page, [list_path])
    assert pages, list_path
    for offset, path in by_look(pages):
        show(page, path, LOOKS[(number + offset) % len(LOOKS)])
        assert defects(page) == [], path


@pytest.mark.parametrize(("number", "state"), by_look(STATES))
def test_no_menu_dialog_or_error_has_violations(page: Page, number: int, state: str) -> None:
    path, act = STATES[state]
    show(page, path, LOOKS[number % len(LOOKS)])
    act(page)
    assert defects(page) == []


@pytest.mark.parametrize(("number", "path"), by_look(OPEN_PATHS))
def test_no_page_without_signing_in_has_violations(stranger: Page, number: int, path: str) -> None:
    show(stranger, path, LOOKS[number % len(LOOKS)])
    assert defects(stranger) == []


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
