"""The second pass, with PostgreSQL as the default database, takes only the tests that depend on it."""

import ast
import os
import subprocess
import sys

from tests.passes import is_left, left_to_sqlite
from tests.processes import REPOSITORY
from tests.services import POSTGRESQL
from tests.statements import Recorded, form, left, staying

LISTED, SELECT = "tests/teams/test_members.py", ("apps/x.py:f", "SELECT", "1")


def recorded(name: str, *executed: tuple[str, str, str], seconds: float = 0.1, must: bool = False) -> Recorded:
    name, _, parameters = name.partition("[")
    return Recorded("tests/test_x.py", name, parameters and f"[{parameters}", seconds, must, frozenset(executed))


def test_with_postgresql_only_tests_that_depend_on_the_database_are_selected() -> None:
    command = [sys.executable, "-m", "pytest", "-n", "0", "--collect-only", "-q", "-o", "verbosity_test_cases=0"]
    done = subprocess.run(
        [*command, "tests/oauth/test_scopes.py", "tests/test_sql.py", LISTED],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": POSTGRESQL},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "test_sql.py" in done.stdout, done.stderr
    assert "test_scopes.py" not in done.stdout
    assert "test_members.py" in done.stdout
    assert not [name for name, staying in left_to_sqlite()[LISTED].items() if not staying and name in done.stdout]


def test_each_test_that_is_left_to_sqlite_exists() -> None:
    """A test that is renamed is renamed in left_to_sqlite.json, or taken out there."""
    for path, tests in left_to_sqlite().items():
        tree = ast.parse((REPOSITORY / path).read_text())
        assert set(tests) <= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, path


def test_where_a_listed_parameter_is_gone_all_of_the_test_stay() -> None:
    assert is_left("[b]", ["[a]"], {"[a]", "[b]"})
    assert not is_left("[a]", ["[a]"], {"[a]", "[b]"})
    assert not is_left("[b]", ["[a]"], {"[b]", "[c]"})


def test_each_statement_of_the_product_stays_with_each_outcome() -> None:
    nothing = (*SELECT[:2], "0")
    tests = [recorded("a", SELECT, seconds=1), recorded("b", SELECT), recorded("c", SELECT, nothing, seconds=9)]
    assert staying(tests) == {tests[1], tests[2]}
    assert {one for test in staying(tests) for one in test.executed} == {SELECT, nothing}
    assert left(tests) == {"tests/test_x.py": {"a": []}}


def test_what_must_stay_does_and_of_parameters_those_that_add_something() -> None:
    tests = [recorded("a", SELECT, seconds=1, must=True), recorded("b[1]", SELECT), recorded("b[2]", SELECT)]
    assert staying(tests) == {tests[0]}
    own = recorded("b[3]", ("apps/x.py:f", "DELETE", "1"))
    assert left([*tests, own]) == {"tests/test_x.py": {"b": ["[3]"]}}


def test_statements_differ_neither_by_numbers_nor_by_the_length_of_lists() -> None:
    assert form("SELECT 1 WHERE id IN (%s, %s) LIMIT 21") == form("SELECT 1 WHERE id IN (%s) LIMIT 9")
    assert form("INSERT INTO a (b) VALUES (%s), (%s)") == form("INSERT INTO a (b) VALUES (%s)")
    assert form("SELECT a") != form("SELECT b")
