"""The second pass, with PostgreSQL as the default database, takes only the tests that depend on it."""

import os
import sys

from tests import forked
from tests.services import POSTGRESQL


def test_with_postgresql_only_tests_that_depend_on_the_database_are_selected() -> None:
    command = [sys.executable, "-m", "pytest", "-n", "0", "--collect-only"]
    listed = forked.run(
        [
            *command,
            "tests/oauth/test_scopes.py",
            "tests/sql/test_prepared.py",
            "tests/connections/test_views_plugins.py",
        ],
        env={"PATH": os.environ["PATH"], "DATABASE_URL": POSTGRESQL},
    ).stdout
    assert "tests/sql/test_prepared.py" in listed
    assert "tests/oauth" not in listed
    plugins = [line for line in listed.splitlines() if "test_views_plugins.py::" in line]
    assert any("visible_connections" in line for line in plugins)
    assert not any("category" in line for line in plugins)
