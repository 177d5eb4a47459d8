"""Which tests run in the second pass, whose default database is PostgreSQL.

All that use Django's test database, without those marked `same_on_each_database` and those of `left_to_sqlite.json`:
whatever statements these execute, tests that stay execute too. `python -m tests.statements` writes that file.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

DATABASE_FIXTURES = {"db", "transactional_db", "live_server", "django_db_serialized_rollback"}
LEFT = Path(__file__).parent / "left_to_sqlite.json"
# With this environment variable, the file is not read.
ALL = "ALL_TESTS_ON_POSTGRESQL"


def divided(items: list[pytest.Item]) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """The tests for PostgreSQL, and those that are left to SQLite."""
    stays = {id(item) for item in items if depends_on_database(item)}
    if ALL not in os.environ:
        stays -= _executed_by_others(items)
    return [item for item in items if id(item) in stays], [item for item in items if id(item) not in stays]


def depends_on_database(item: pytest.Item) -> bool:
    """Whether the test asks for Django's test database, by the marker or a fixture, and is not marked as the same."""
    fixtures: list[str] = getattr(item, "fixturenames", [])
    uses_it = item.get_closest_marker("django_db") is not None or not DATABASE_FIXTURES.isdisjoint(fixtures)
    return uses_it and item.get_closest_marker("same_on_each_database") is None


@cache
def left_to_sqlite() -> dict[str, dict[str, list[str]]]:
    """By file and test: the parameters ("[x]") that stay nevertheless. Tests that are not listed stay."""
    listed: dict[str, dict[str, list[str]]] = json.loads(LEFT.read_text())
    return listed


def _executed_by_others(items: list[pytest.Item]) -> set[int]:
    """The listed tests. Where a listed parameter is no longer there, all of that test stay."""
    found: dict[tuple[str, str], dict[str, pytest.Item]] = {}
    for item in items:
        name: str = getattr(item, "originalname", item.name)
        path = item.nodeid.partition("::")[0]
        if name in left_to_sqlite().get(path, {}):
            found.setdefault((path, name), {})[item.name.removeprefix(name)] = item
    return {
        id(item)
        for (path, name), tests in found.items()
        for parameters, item in tests.items()
        if is_left(parameters, left_to_sqlite()[path][name], set(tests))
    }


def is_left(parameters: str, staying: list[str], collected: Any) -> bool:
    """Whether a test with these parameters is left to SQLite, where those of `staying` are not."""
    return parameters not in staying and set(staying) <= set(collected)
