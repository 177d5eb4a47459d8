"""`python -m tests.statements` finds out which tests PostgreSQL needs, and writes the others to left_to_sqlite.json.

It runs all tests that use the database on PostgreSQL (DATABASE_URL), and notes which statements of the product each
executes: where in the product, in which form, and whether no row, one or several were found, or which error was raised.
Tests stay until each of these is there at least once, the cheapest first, and further tests with transactions of their
own, and those that distinguish the databases.
"""

import heapq
import inspect
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db.backends.utils import CursorWrapper

from tests.passes import ALL, LEFT
from tests.prepared import REPOSITORY
from tests.services import POSTGRESQL

FOLDER = "SPECWAY_STATEMENTS_DIR"
PRODUCT = (f"{REPOSITORY}/apps/", f"{REPOSITORY}/config/")
# Numbers, and lists of values, whatever their length.
SAME = [(re.compile(r"\b\d+\b"), "N"), (re.compile(r"\(%s(, %s)*\)(, \(%s(, %s)*\))*"), "(..)")]
SAME += [(re.compile(r'"s\d+_x\d+"'), "savepoint"), (re.compile(r"ARRAY\[[^\]]*\]"), "ARRAY")]
Execution = tuple[str, str, str]


@dataclass(frozen=True)
class Recorded:
    """One test: its file, name and parameters, its seconds, whether it has to stay, and what it executed."""

    path: str
    name: str
    parameters: str
    seconds: float
    must: bool
    executed: frozenset[Execution]


def place() -> str:
    """The function of the product that executes a statement; "" if the test itself does."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename.startswith(PRODUCT):
            return f"{Path(frame.f_code.co_filename).relative_to(REPOSITORY)}:{frame.f_code.co_name}"
        frame = frame.f_back
    return ""


def form(statement: object) -> str:
    text = str(statement)
    for pattern, replacement in SAME:
        text = pattern.sub(replacement, text)
    return text


def asks_for_database(item: Any) -> bool:
    """Whether the test or one of its fixtures distinguishes the databases."""
    fixtures = [defined[-1].func for defined in item._fixtureinfo.name2fixturedefs.values()]
    return any(".vendor" in inspect.getsource(function) for function in (item.function, *fixtures))


class Recorder:
    """Writes a line for each test, in one file for each process."""

    def __init__(self, folder: str) -> None:
        self._file = Path(folder) / f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}.jsonl"
        self._seen: set[Execution] = set()
        for method in ("execute", "executemany"):
            setattr(CursorWrapper, method, self._recording(getattr(CursorWrapper, method)))

    def _recording(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def execute(cursor: CursorWrapper, statement: Any, *arguments: Any) -> Any:
            where, outcome = place(), "error"
            try:
                result = original(cursor, statement, *arguments)
                outcome = str(min(cursor.cursor.rowcount, 2))
            except Exception as error:
                outcome = type(error).__name__
                raise
            finally:
                if where:
                    self._seen.add((where, form(statement), outcome))
            return result

        return execute

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._seen.clear()
        began = time.process_time()
        yield
        marker = item.get_closest_marker("django_db")
        fixtures: list[str] = getattr(item, "fixturenames", [])
        own = bool(marker and marker.kwargs.get("transaction")) or "transactional_db" in fixtures
        name: str = getattr(item, "originalname", item.name)
        line = {
            "path": item.nodeid.partition("::")[0],
            "name": name,
            "parameters": item.name.removeprefix(name),
            "seconds": time.process_time() - began,
            "must": own or asks_for_database(item),
            "executed": sorted(self._seen),
        }
        with self._file.open("a") as file:
            file.write(json.dumps(line) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    # With pytest-xdist, the main process runs none.
    if "PYTEST_XDIST_WORKER" in os.environ or not getattr(config.option, "numprocesses", None):
        config.pluginmanager.register(Recorder(os.environ[FOLDER]))


def read(folder: Path) -> list[Recorded]:
    lines = [json.loads(line) for file in sorted(folder.glob("*.jsonl")) for line in file.read_text().splitlines()]
    return [Recorded(**line | {"executed": frozenset(map(tuple, line["executed"]))}) for line in lines]


def staying(tests: list[Recorded]) -> set[Recorded]:
    """Few and cheap tests that execute all that these do, and those that must stay."""
    chosen = {test for test in tests if test.must}
    missing = {one for test in tests for one in test.executed} - {one for test in chosen for one in test.executed}

    def worth(test: Recorded) -> float:
        return len(test.executed & missing) / (test.seconds + 0.02)

    # What a test adds only gets less: the first of the heap is the best if that has not changed.
    heap = [(-worth(test), index) for index, test in enumerate(tests) if test not in chosen]
    heapq.heapify(heap)
    while missing and heap:
        _, index = heapq.heappop(heap)
        now = -worth(tests[index])
        if heap and now > heap[0][0]:
            heapq.heappush(heap, (now, index))
        elif now:
            chosen.add(tests[index])
            missing -= tests[index].executed
    return chosen


def left(tests: list[Recorded]) -> dict[str, dict[str, list[str]]]:
    """What left_to_sqlite.json says: by file and test, the parameters that stay."""
    stays, listed = staying(tests), dict[str, dict[str, list[str]]]()
    for test in sorted(tests, key=lambda test: (test.path, test.name, test.parameters)):
        family = listed.setdefault(test.path, {}).setdefault(test.name, [])
        if test in stays:
            family.append(test.parameters)
    for test in set(tests) - stays:
        listed[test.path].setdefault("", []).append(test.name)
    for path, families in listed.items():
        partly = set(families.pop("", []))
        listed[path] = {name: parameters for name, parameters in families.items() if name in partly}
    return {path: families for path, families in listed.items() if families}


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        own = {"DATABASE_URL": os.environ.get("DATABASE_URL", POSTGRESQL), ALL: "1", FOLDER: folder}
        command = [sys.executable, "-m", "pytest", "-p", "tests.statements", *sys.argv[1:]]
        done = subprocess.run(command, cwd=REPOSITORY, env=os.environ | own, check=False)
        if done.returncode:
            return done.returncode
        LEFT.write_text(json.dumps(left(read(Path(folder))), indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
