"""What axe-core is spared on later pages costs none of what it would find."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import axe

pytestmark = [pytest.mark.needs_browser, pytest.mark.xdist_group("browser")]
PAGE = "<!doctype html><html lang=en><title>Page</title><main><h1>Page</h1>{}</main></html>"
FAINT = "<p style='color: #ccc'>Faint</p>"
WHITE = "<p style='color: #fff'>White</p>"


@pytest.fixture
def page(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.setattr(axe, "KNOWN", set())
    opened = browser.new_page()
    yield opened
    opened.close()


def rules(page: Page, body: str) -> list[str]:
    page.set_content(PAGE.format(body))
    return [each.partition(":")[0] for each in axe.violations(page)]


def test_a_text_without_contrast_is_found_on_each_page_that_has_it(page: Page) -> None:
    assert [rules(page, FAINT) for _ in range(2)] == [["color-contrast"]] * 2


def test_a_style_that_had_contrast_has_none_in_front_of_something_else(page: Page) -> None:
    dark, pale = (f"<div style='background: {color}'><div>{WHITE}</div></div>" for color in ("#000", "#ddd"))
    assert [rules(page, body) for body in (dark, pale, dark)] == [[], ["color-contrast"], []]


PLACE = "<div style='position: relative'>{}%s</div>"
COVER = "<div style='position: absolute; inset: 0; background: #000'></div>"


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        ("<div hidden>{}</div>", "{}"),
        ("<details><summary>More</summary>{}</details>", "{}"),
        ("{}<dialog>Question</dialog><script>document.querySelector('dialog').showModal()</script>", "{}"),
        (PLACE % COVER, PLACE % ""),
    ],
    ids=["hidden", "closed", "behind a dialog", "covered"],
)
def test_a_text_that_could_not_be_read_is_looked_at_when_it_can_be(page: Page, hidden: str, shown: str) -> None:
    assert "color-contrast" not in rules(page, hidden.format(FAINT))
    assert rules(page, shown.format(FAINT)) == ["color-contrast"]


def test_a_page_with_a_defect_makes_nothing_known(page: Page) -> None:
    rules(page, f"<p>Black</p>{FAINT}")
    assert set() == axe.KNOWN
    assert rules(page, "<p>Black</p>") == []
    assert axe.KNOWN
