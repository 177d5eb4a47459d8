"""Accessibility of a page in a browser: axe-core's rules, in both themes and at two widths."""

from typing import Any

from tests.browser.axe import violations

# With each width in one of the themes, two times axe-core see both: `python -m tests.screenshots FOLDER --axe` checks
# all four combinations.
LOOKS = [((1280, "light"), (390, "dark")), ((1280, "dark"), (390, "light"))]


def violations_in_both(page: Any, url: str, *, number: int = 0) -> list[str]:
    """The violations of the page at `url` at each width and in each theme, and where it is wider than the window.

    Pages with an even and an odd number have the themes the other way round.
    """
    found = []
    page.goto(url)
    page.wait_for_load_state()
    for width, scheme in LOOKS[number % 2]:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        found += [f"{url} {width} {scheme} {each}" for each in violations(page)]
        wide = page.evaluate("document.documentElement.scrollWidth")
        found += [f"{url} is {wide} pixels wide at {width}"] if wide > width else []
    return found
