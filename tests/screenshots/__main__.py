"""`python -m tests.screenshots FOLDER`: each page and each mail at two widths, light and dark, as PNG files.

Starts the product with demonstration data (`--connections`, 500 by default) on ports of its own, and ends it. Prints
the pages that are wider than the window, and with `--axe` what axe-core finds on each of them: both are defects.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator
from itertools import product as combinations
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.axe import violations
from tests.processes import Product, running_product
from tests.screenshots.pages import LINKED, PATHS, TABS
from tests.services import chromium_without_windows

OWNER = "owner@specway.example"
WIDTHS, SCHEMES = (1280, 390), ("light", "dark")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--axe", action="store_true", help="check the accessibility of each page")
    parser.add_argument("--language", default="", help="of the pages, such as de (default: English)")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made, running_product(Path(made), sandbox=True, beat=False) as running:
        running.manage("demo_data", "--connections", str(options.connections), "--events", "2000", "--owner", OWNER)
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium_without_windows(), args=["--no-sandbox"])
            defects = list(_shots(running, browser, options))
            defects += _mails(running, browser, options)
            browser.close()
    print("\n".join(defects) or f"{len(list(options.folder.glob('*.png')))} screenshots in {options.folder}")  # noqa: T201 - a command
    return 1 if defects else 0


def _shots(running: Product, browser: Browser, options: argparse.Namespace) -> Iterator[str]:
    """Writes the files; gives the defects."""
    page = browser.new_context(base_url=running.url).new_page()
    page.goto("/accounts/login/")
    page.locator("input[name=login]").fill(OWNER)
    page.locator("input[name=password]").fill(running.accounts[OWNER])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", level=1).wait_for()
    page.locator("summary.switcher").click()
    page.get_by_role("button", name="Demonstration").click()
    page.get_by_role("heading", level=1).wait_for()
    if options.language:
        page.goto("/account/")
        page.locator("select[name=language]").select_option(options.language)
        page.locator("form", has=page.locator("select[name=language]")).locator("[type=submit]").first.click()
        page.locator(f"html[lang={options.language}]").wait_for()
    for path in [*PATHS, *_linked(page)]:
        page.goto(path)
        page.wait_for_load_state("networkidle")
        for width, scheme in combinations(WIDTHS, SCHEMES):
            yield from _shot(page, path, options.folder, width=width, scheme=scheme)
            if options.axe:
                yield from (f"{path} at {width}, {scheme}: {each}" for each in violations(page))


def _mails(running: Product, browser: Browser, options: argparse.Namespace) -> Iterator[str]:
    """Writes the pictures of each kind of mail; gives the defects."""
    page = browser.new_page()
    with tempfile.TemporaryDirectory() as made:
        running.manage("shell", "-c", f"from tests.mails import write_all; write_all({made!r}, {options.language!r})")
        for file in sorted(Path(made).glob("*.html")):
            page.goto(file.as_uri())
            for width, scheme in combinations(WIDTHS, SCHEMES):
                yield from _shot(page, f"mail/{file.stem}", options.folder, width=width, scheme=scheme)
                if options.axe:
                    yield from (f"mail {file.stem} at {width}, {scheme}: {each}" for each in violations(page))


def _linked(page: Page) -> list[str]:
    found = []
    for path, pattern in LINKED.items():
        page.goto(path)
        if match := re.search(pattern, page.content()):
            found += [match[0] + tab for tab in TABS] if "connections" in match[0] else [match[0]]
    return found


def _shot(page: Page, path: str, folder: Path, *, width: int, scheme: str) -> Iterator[str]:
    """Writes the page as a file; gives a sentence if it is wider than the window."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    name = re.sub(r"[0-9a-f-]{36}", "one", path).strip("/").replace("/", "-") or "home"
    page.screenshot(path=str(folder / f"{re.sub(r'[^a-z0-9-]', '_', name)}-{width}-{scheme}.png"), full_page=True)
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > width:
        yield f"{path} is {wide} pixels wide at {width}"


if __name__ == "__main__":
    sys.exit(main())
