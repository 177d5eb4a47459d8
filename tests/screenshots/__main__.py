"""`python -m tests.screenshots FOLDER`: each page and each mail at two widths, light and dark, as PNG files.

Starts the product with demonstration data (`--connections`, 500 by default) on ports of its own, and ends it. Prints
the pages that are wider than the window, and with `--axe` what axe-core finds on each of them: both are defects.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import product as combinations
from pathlib import Path
from urllib.parse import urljoin

from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tests.browser.axe import violations
from tests.processes import Product, running_product
from tests.screenshots.pages import LINKED, OPEN_PATHS, PATHS, STATES
from tests.services import chromium_without_windows

OWNER = "owner@specway.example"
WIDTHS, SCHEMES = (1280, 390), ("light", "dark")
TIMEOUT = 15_000  # milliseconds, for each step


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--axe", action="store_true", help="check the accessibility of each page")
    parser.add_argument("--language", default="", help="of the pages, such as de (default: English)")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    defects = 0
    with tempfile.TemporaryDirectory() as made, running_product(Path(made), sandbox=True, beat=False) as running:
        running.manage("demo_data", "--connections", str(options.connections), "--events", "2000", "--owner", OWNER)
        running.manage("shell", "-c", f"from tests.screenshots.world import fill; fill({OWNER!r})")
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium_without_windows(), args=["--no-sandbox"])
            for shots in (_pages, _mails):
                for defect in shots(running, browser, options):
                    print(defect, flush=True)  # noqa: T201 - a command
                    defects += 1
            browser.close()
    print(f"{len(list(options.folder.glob('*.png')))} screenshots in {options.folder}, {defects} defects")  # noqa: T201
    return 1 if defects else 0


def _pages(running: Product, browser: Browser, options: argparse.Namespace) -> Iterator[str]:
    """Writes the pictures of the pages and their states; gives the defects."""
    page = browser.new_context(base_url=running.url).new_page()
    page.set_default_timeout(TIMEOUT)
    _sign_in(page, running.accounts[OWNER], options.language)
    for path in [*PATHS, *linked(page)]:
        yield from _looks(page, path, partial(page.goto, path), options)
    for name, (path, act) in STATES.items():
        yield from _looks(page, f"state/{name}", partial(_bring, page, path, act), options)
    stranger = browser.new_context(base_url=running.url, locale=options.language or None).new_page()
    for path in OPEN_PATHS:
        yield from _looks(stranger, f"open{path}", partial(stranger.goto, path), options)


def _sign_in(page: Page, password: str, language: str) -> None:
    """As the owner, in the team with demonstration data."""
    page.goto("/accounts/login/")
    page.locator("input[name=login]").fill(OWNER)
    page.locator("input[name=password]").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", level=1).wait_for()
    page.locator("summary.switcher").click()
    page.get_by_role("button", name="Demonstration").click()
    page.get_by_role("heading", level=1).wait_for()
    if language:
        page.goto("/account/")
        page.locator("select[name=language]").select_option(language)
        page.locator("form", has=page.locator("select[name=language]")).locator("[type=submit]").first.click()
        page.locator(f"html[lang={language}]").wait_for()


def _bring(page: Page, path: str, act: Callable[[Page], None]) -> None:
    page.goto(path)
    page.wait_for_load_state("networkidle")
    act(page)


def _mails(running: Product, browser: Browser, options: argparse.Namespace) -> Iterator[str]:
    """Writes the pictures of each kind of mail; gives the defects."""
    page = browser.new_page()
    with tempfile.TemporaryDirectory() as made:
        running.manage("shell", "-c", f"from tests.mails import write_all; write_all({made!r}, {options.language!r})")
        for file in sorted(Path(made).glob("*.html")):
            yield from _looks(page, f"mail/{file.stem}", partial(page.goto, file.as_uri()), options)


def _looks(page: Page, name: str, show: Callable[[], object], options: argparse.Namespace) -> Iterator[str]:
    """Writes it at each width in each theme; gives the defects."""
    for width, scheme in combinations(WIDTHS, SCHEMES):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        try:
            show()
            page.wait_for_load_state("networkidle")
        except PlaywrightError as error:
            yield f"{name} at {width}, {scheme} cannot be shown: {error.message.splitlines()[0]}"
            continue
        yield from _shot(page, name, options.folder, width=width, scheme=scheme)
        if options.axe:
            yield from (f"{name} at {width}, {scheme}: {each}" for each in violations(page))


def linked(page: Page, lists: Iterable[str] = LINKED) -> list[str]:
    """The addresses of LINKED for what the lists show now."""
    found = []
    for path in lists:
        pattern, below = LINKED[path]
        if match := re.search(pattern, page.request.get(path).text()):
            found += [urljoin(match[0], each) for each in below]
    return found


def _shot(page: Page, path: str, folder: Path, *, width: int, scheme: str) -> Iterator[str]:
    """Writes the page as a file; gives a sentence if it is wider than the window."""
    name = re.sub(r"[0-9a-f-]{36}", "one", path).strip("/").replace("/", "-") or "home"
    page.screenshot(path=str(folder / f"{re.sub(r'[^a-z0-9-]', '_', name)}-{width}-{scheme}.png"), full_page=True)
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > width:
        yield f"{path} is {wide} pixels wide at {width}"


if __name__ == "__main__":
    sys.exit(main())
