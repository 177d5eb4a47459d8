"""Statements for PostgreSQL in files of their own, which run with every call."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections

Record = TypeVar("Record")


class PostgreSQLStatement(Generic[Record]):
    """A statement for PostgreSQL in a file of its own, which the server parses and plans once per connection.

    Its parameters are named: `%(name)s`. A line `-- include other.sql` is replaced by the text of that file beside it.
    `to_record` gets the columns of a row by name.
    """

    def __init__(self, path: Path, to_record: Callable[..., Record]) -> None:
        self._path, self._to_record = path, to_record
        self._sql, self._names, self._columns = b"", list[str](), list[str]()

    @staticmethod
    def is_available() -> bool:
        """Whether the database is PostgreSQL, and no transaction is open: the statement is a transaction of its own."""
        connection = connections[DEFAULT_DB_ALIAS]
        return connection.vendor == "postgresql" and not connection.in_atomic_block

    def one(self, **values: Any) -> Record | None:
        """The first row, after the commit, or None. Raises the database's exceptions.

        A connection that the server has closed meanwhile is closed here too, so that the next statement opens one.
        """
        connection: Any = connections[DEFAULT_DB_ALIAS]
        try:
            with connection.wrap_database_errors:
                if connection.connection is None and hasattr(connection, "borrowed"):
                    with connection.borrowed() as borrowed:
                        return self._fetched(borrowed, values)
                connection.ensure_connection()
                return self._fetched(connection.connection, values)
        except DatabaseError:
            connection.close_if_unusable_or_obsolete()
            raise

    def _fetched(self, connection: Any, values: Mapping[str, Any]) -> Record | None:
        if not self._sql:
            self._sql, self._names = _numbered(_with_parts(self._path))
        # Django's own cursors put the values into the text on the client, and psycopg's others read the text of a long
        # statement again at each call to find its parameters.
        cursor = psycopg.RawCursor(connection)
        cursor.execute(self._sql, [values[name] for name in self._names], prepare=True, binary=True)
        row = cursor.fetchone()
        if row is None:
            return None
        if not self._columns:
            self._columns = [column.name for column in cursor.description or ()]
        return self._to_record(**dict(zip(self._columns, row, strict=True)))


def _with_parts(path: Path) -> str:
    return _INCLUDE.sub(lambda match: (path.parent / match[1]).read_text(), path.read_text())


def _numbered(text: str) -> tuple[bytes, list[str]]:
    """A statement with `$1` for the first of its named parameters, and so on, and the names in this order."""
    names = list(dict.fromkeys(_NAMED.findall(text)))
    numbered = _NAMED.sub(lambda match: f"${names.index(match[1]) + 1}", text)
    return numbered.replace("%%", "%").encode(), names


_NAMED = re.compile(r"%\((\w+)\)s")
_INCLUDE = re.compile(r"^-- include (\S+)$", re.MULTILINE)
