"""Accessibility of a page in a browser: axe-core's rules, in both themes and at two widths."""

from itertools import product
from typing import Any

from tests.browser.axe import violations

WIDTHS, SCHEMES = (1280, 390), ("light", "dark")


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
