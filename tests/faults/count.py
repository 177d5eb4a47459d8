"""A pytest plugin that counts the faults, how they ended, and which tokens were lost: `-p tests.faults.count`."""

from typing import Any

import pytest

LOST, UNAVOIDABLE = "tokens_lost", "loss_is_unavoidable"


class Count:
    """Each test of this folder is one fault, with one set of parameters. Only tests with a `scene` know tokens."""

    def __init__(self) -> None:
        self.passed: set[str] = set()
        self.failed: set[str] = set()
        self.lost, self.avoidable = 0, 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.nodeid.startswith("tests/faults/test_"):
            return
        if report.failed:
            self.failed.add(report.nodeid)
        elif report.passed and report.when == "call":
            self.passed.add(report.nodeid)
        if report.when == "teardown":
            found = dict(report.user_properties)
            lost = int(str(found.get(LOST, 0)))
            self.lost += lost
            self.avoidable += 0 if found.get(UNAVOIDABLE) else lost

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        tried, ended = len(self.passed | self.failed), len(self.passed - self.failed)
        terminalreporter.write_line(
            f"{tried} faults tried, {ended} ended as specified; {self.lost} tokens lost, {self.avoidable} avoidable"
        )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Count())
