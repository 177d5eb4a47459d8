"""What every test shares: parts of the machine that may be missing, and what is said about them at the end."""

import os
import shutil
from pathlib import Path

import pytest

from tests.services import MISSING


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
        shutil.rmtree(Path(folder), ignore_errors=True)
