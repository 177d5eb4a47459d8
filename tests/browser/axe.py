"""Accessibility checks of pages by axe-core."""

from pathlib import Path

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import BrowserContext, Page

RUN = (Path(__file__).parent / "axe.js").read_text()
# The styles of texts whose contrast is enough, as axe.js names them.
KNOWN: set[str] = set()


def load_with_pages(context: BrowserContext) -> None:
    """Sends axe-core to the browser once, instead of with each page that is checked."""
    context.add_init_script(AXE_SCRIPT)


def violations(page: Page) -> list[str]:
    """What axe-core finds on the page as it is now: rule, element and reason of each, none if all is well."""
    known = " ".join(KNOWN)
    result = page.evaluate(RUN, known)
    if result is None:
        page.evaluate(AXE_SCRIPT)
        result = page.evaluate(RUN, known)
    found, seen = result
    if all(rule != "color-contrast" for rule, _, _ in found):
        KNOWN.update(seen.split())
    return [f"{rule}: {target}: {' '.join(why.split())}" for rule, target, why in found]
