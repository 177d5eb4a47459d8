"""Accessibility of a page in a browser: axe-core's rules, in both themes and at two widths."""

from itertools import product
from typing import Any

from axe_playwright_python.sync_playwright import Axe

WIDTHS, SCHEMES = (1280, 390), ("light", "dark")


def violations(page: Any) -> list[str]:
    """What axe-core finds on the page as it is now: rule and first element of each violation."""
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]


def violations_everywhere(page: Any, url: str) -> list[str]:
    """The violations of the page at `url` at each width in each theme, and where it is wider than the window."""
    found = []
    for width, scheme in product(WIDTHS, SCHEMES):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.goto(url)
        page.wait_for_load_state("networkidle")
        found += [f"{url} {width} {scheme} {each}" for each in violations(page)]
        wide = page.evaluate("document.documentElement.scrollWidth")
        found += [f"{url} is {wide} pixels wide at {width}"] if wide > width else []
    return found
