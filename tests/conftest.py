"""What every test shares: parts of the machine that may be missing, and what is said about them at the end."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.prepared import forget
from tests.services import MISSING, chromium

pytest_plugins = ["tests.fixtures.connections", "tests.fixtures.integrations"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, one for each test process: Playwright does not bear two drivers in one. For `needs_browser` tests."""
    # Playwright's event loop stays in this thread, where Django would refuse the ORM to every later test.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one `xdist_group` share a process, also where pytest no longer reads what pytest-xdist writes.

    https://github.com/pytest-dev/pytest-xdist/issues/1386: pytest 9.2 keeps an item's ID elsewhere.
    """
    for item in items:
        grouped: str = getattr(item, "_nodeid", "")
        if hasattr(item, "_id") and "@" in grouped:
            item._id = type(item._id).parse(grouped)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leaves out what the machine has no service for; in CI (where CI is set) that is a failure."""
    for marker, (name, why_missing) in MISSING.items():
        if item.get_closest_marker(marker) is None:
            continue
        reason = why_missing()
        if reason and os.environ.get("CI"):
            pytest.fail(f"{name} is needed in CI, but {reason}.", pytrace=False)
        if reason:
            pytest.skip(f"{name} is left out: {reason}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    for name, why_missing in MISSING.values():
        tests = sum(f"{name} is left out" in text for text in skipped)
        if tests:
            terminalreporter.write_line(f"Left out: {tests} tests that need {name} ({why_missing()}).")


def pytest_unconfigure(config: pytest.Config) -> None:
    # The folder of this run, which all its processes share, goes with the process that started them.
    if not hasattr(config, "workerinput") and (folder := os.environ.get("SPECWAY_TESTS_DIR")):
        forget(Path(folder))
