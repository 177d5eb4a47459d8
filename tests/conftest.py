"""What all tests share: services that the machine may lack, and the choice of tests for each database."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, expect, sync_playwright
from pytest_django.plugin import DjangoDbBlocker

from tests.database import copied_database, copy_logos, drop_migrated_database
from tests.prepared import forget, run_folder
from tests.services import MISSING, chromium_without_windows

# Processes that tests start, and the next run, would compile the project again: a quarter of each start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

pytest_plugins = ["tests.fixtures.connections", "tests.fixtures.integrations"]
DATABASE_FIXTURES = {"db", "transactional_db", "live_server", "django_db_serialized_rollback"}
LEFT_TO_SQLITE: list[int] = []
# A bound, not a measure: five seconds, Playwright's own, are short where other programs keep the processors busy.
expect.set_options(timeout=60_000)
# Scripts of a page end before compiling them again, for speed, has paid off; the next page runs the same ones.
CHROMIUM = ["--no-sandbox", "--js-flags=--no-opt --no-maglev --no-flush-bytecode"]


def pytest_xdist_auto_num_workers() -> int:
    """Two processes more than there are processors, since those that drive a browser or real services mostly wait."""
    return (os.cpu_count() or 1) + 2


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Instead of pytest-django's, which migrates a database for each process."""
    copy_logos()
    with ExitStack() as copy:
        with django_db_blocker.unblock():
            copy.enter_context(copied_database(os.environ.get("PYTEST_XDIST_WORKER", "main")))
        yield
        with django_db_blocker.unblock():
            copy.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, one for each test process: Playwright supports one driver in each. For `needs_browser` tests."""
    # Playwright's event loop stays in this thread, where Django would refuse the ORM to every later test.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=chromium_without_windows(), args=CHROMIUM)
        yield started
        started.close()


def leave_to_sqlite(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With PostgreSQL as the default database, only tests run whose result may depend on the default database.

    The others use none, or start programs and name the database of those themselves, or are marked as
    `same_on_each_database`. In a module with that mark, tests marked as `on_each_database` run nevertheless.
    """
    if settings.DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
        return
    others = [item for item in items if not depends_on_database(item)]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if depends_on_database(item)]
    if hasattr(config, "workeroutput"):
        config.workeroutput["left_to_sqlite"] = len(others)


def depends_on_database(item: pytest.Item) -> bool:
    """Whether the test asks for Django's test database, by the marker or a fixture, and is not marked as the same.

    The mark that is closest to the test counts.
    """
    fixtures: list[str] = getattr(item, "fixturenames", [])
    uses_it = item.get_closest_marker("django_db") is not None or not DATABASE_FIXTURES.isdisjoint(fixtures)
    marks = (mark.name for mark in item.iter_markers())
    closest = next(
        (name for name in marks if name in ("same_on_each_database", "on_each_database")), "on_each_database"
    )
    return uses_it and closest == "on_each_database"


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """pytest-xdist's main process has not collected: one of its processes reports what was left out."""
    LEFT_TO_SQLITE.append(getattr(node, "workeroutput", {}).get("left_to_sqlite", 0))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    leave_to_sqlite(config, items)
    group(items)


def group(items: list[pytest.Item]) -> None:
    """Tests of one `xdist_group` share a process, also where pytest no longer reads what pytest-xdist writes.

    https://github.com/pytest-dev/pytest-xdist/issues/1386: pytest 9.2 keeps an item's ID elsewhere.
    """
    for item in items:
        grouped: str = getattr(item, "_nodeid", "")
        if hasattr(item, "_id") and "@" in grouped:
            item._id = type(item._id).parse(grouped)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What is imported and collected stays until the end: the garbage collector need not look at it again and again.

    Nor need it look as often as Python's default says: that takes a fifteenth of the processor time of a run.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def have_a_large_frame(function: Any) -> None:
    """Python gets memory for the frames below this one at once, when the function is called.

    Python maps 16 KB for frames when it needs them, and unmaps them as soon as the first frame in them returns. Where
    a test's loop happens to be at such a limit, each call maps and unmaps: a thousand times in a test. A frame that
    takes more than half of a larger piece (here 512 KB) leaves the rest to the others. Only memory that is used costs.
    """
    function.__code__ = function.__code__.replace(co_stacksize=40_000)


# Each setup, call and teardown of a test is below it.
have_a_large_frame(pytest.CallInfo.from_call.__func__)


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
    if left := max(LEFT_TO_SQLITE, default=0):
        terminalreporter.write_line(f"{left} tests that do not depend on the database were left to the SQLite pass.")
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    for name, why_missing in MISSING.values():
        tests = sum(f"{name} is left out" in text for text in skipped)
        if tests:
            terminalreporter.write_line(f"Left out: {tests} tests that need {name} ({why_missing()}).")


@pytest.hookimpl(trylast=True)  # once pytest-django allows the use of the database again
def pytest_unconfigure() -> None:
    # The folder of this run, which all its processes share, goes with the process that made it.
    if settings.configured and settings.MADE_RUN_DIR:
        drop_migrated_database()
        forget(run_folder())
