"""The database's time, and prepared SQL: statements that run with every call, compiled once per thread.

Django compiles a queryset on each evaluation, also of a prebuilt one. For the SELECT of a token set with its joins, a
call costs about 3,000 µs of CPU time as a prebuilt queryset and 600 µs as prepared SQL, with the query and the model
objects (`python -m tests.bench.prepared_sql`, Python 3.11, SQLite, on a busy machine; 1,490 µs against 43 µs were
measured for Django's part alone on a quiet one). A statement is an ordinary queryset with `param()` in place of values
that are passed with each call; its results are model objects or tuples.

It uses private parts of Django's ORM (`Query`, `SQLCompiler`, `ModelIterable`): tried on Django 5.2 with SQLite and
PostgreSQL. `tests/test_sql.py` has a test of each promise below.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import psycopg
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, models, transaction
from django.db.models import Q
from django.db.models.expressions import Expression, Func
from django.db.models.functions import Now as DatabaseNow
from django.db.models.lookups import IsNull
from django.db.models.query import ModelIterable, ValuesListIterable, get_related_populators
from django.db.models.sql import InsertQuery, UpdateQuery

Row = TypeVar("Row")
Record = TypeVar("Record")
Values = Mapping[str, Any]


class Now(DatabaseNow):
    """The database's current time. On SQLite in the format of times that Python writes.

    SQLite compares times as text. Django's `Now` writes milliseconds, Python writes microseconds, or none if they are
    zero; so one moment would have two values, which are neither equal nor in order. Always use this one.
    """

    SQLITE = "REPLACE(STRFTIME('%%%%Y-%%%%m-%%%%d %%%%H:%%%%M:%%%%f', 'NOW') || '000', '.000000', '')"

    def as_sqlite(self, compiler: Any, connection: Any, **extra_context: Any) -> tuple[str, Any]:
        return self.as_sql(compiler, connection, template=self.SQLITE, **extra_context)


def exists_for_row(rows: models.QuerySet[Any]) -> Q:
    """Whether `rows`, which refer to the outer row by OuterRef, has any: looked up by an index, row by row.

    Django's Exists within OR lets PostgreSQL read the whole table of `rows` into a hash instead, whatever the number of
    outer rows. Use this where the outer rows are those of one team, and the table has the rows of all.
    """
    return Q(IsNull(models.Subquery(rows.order_by().values("pk")[:1]), False))


# Not MIN, which PostgreSQL has for UUIDs only from version 18 on.
_DISTINCT = """
WITH RECURSIVE found(value) AS (
    SELECT (SELECT {column} FROM {table} WHERE {condition} AND {column} IS NOT NULL ORDER BY {column} LIMIT 1)
    UNION ALL
    SELECT (SELECT {column} FROM {table} WHERE {condition} AND {column} > found.value ORDER BY {column} LIMIT 1)
    FROM found WHERE found.value IS NOT NULL
) SELECT value FROM found WHERE value IS NOT NULL
"""


def distinct_values(model: type[models.Model], name: str, **equal: Any) -> list[Any]:
    """The distinct values of a column in the rows in which the columns `equal` have these values, in order.

    One probe of an index on (`equal`..., `name`) for each value; DISTINCT would read every row.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    quote, fields = connection.ops.quote_name, {each: model._meta.get_field(each) for each in [name, *equal]}
    columns = {each: quote(cast(Any, field).column) for each, field in fields.items()}
    condition = " AND ".join(f"{columns[each]} = %s" for each in equal) or "1 = 1"
    values = [cast(Any, fields[each]).get_db_prep_value(value, connection) for each, value in equal.items()]
    sql = _DISTINCT.format(column=columns[name], table=quote(model._meta.db_table), condition=condition)
    with connection.cursor() as cursor:
        cursor.execute(sql, values * 2)
        return [value for (value,) in cursor.fetchall()]


def database_now() -> datetime:
    """The database's current time, in one query. Compare times that it wrote with this: the hosts' clocks differ."""
    connection = connections[DEFAULT_DB_ALIAS]
    clock = "STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')" if connection.vendor == "sqlite" else "STATEMENT_TIMESTAMP()"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {clock}")
        (now,) = cursor.fetchone()
    return now if isinstance(now, datetime) else datetime.fromisoformat(now).replace(tzinfo=UTC)


class HasItem(Func):
    """Whether a JSON list of texts has an item: `HasItem(F("tags"), Value("blue"))`. Case-sensitive."""

    output_field = models.BooleanField()

    def as_postgresql(self, compiler: Any, connection: Any, **extra_context: Any) -> tuple[str, Any]:
        return self.as_sql(compiler, connection, template="JSONB_EXISTS(%(expressions)s)", **extra_context)

    def as_sqlite(self, compiler: Any, connection: Any, **extra_context: Any) -> tuple[str, Any]:
        template = "EXISTS(SELECT 1 FROM JSON_EACH(%(expressions)s)"
        return self.as_sql(
            compiler, connection, template=template, arg_joiner=") WHERE JSON_EACH.value = ", **extra_context
        )


class Parameter(Expression):
    """A placeholder for a value that is passed when the statement runs. Created by `param`."""

    def __init__(self, name: str, field: models.Field[Any, Any]) -> None:
        super().__init__(output_field=field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return "%s", (self,)


def param(model: type[models.Model], field: str, *, name: str = "") -> Parameter:
    """A placeholder for a value of the model's field, which converts it for the database.

    The value is passed as the keyword argument `name`, by default the field's name.
    """
    return Parameter(name or field, cast(Any, model._meta.get_field(field)))


class Statement:
    """A statement's SQL and its parameters, for one thread.

    Parameters are named, since Django's SQLite back end scans the SQL for positional ones in every call.
    """

    def __init__(self, sql: str, params: Sequence[Any]) -> None:
        names = [f"p{number}" for number in range(len(params))]
        self.sql = sql.replace("%%", "%%%%") % tuple(f"%({name})s" for name in names)
        open_params = [(name, param) for name, param in zip(names, params, strict=True) if isinstance(param, Parameter)]
        self._open = [(name, param.name, param.output_field.get_db_prep_value) for name, param in open_params]
        self._fixed = dict(zip(names, params, strict=True))

    def bound(self, values: Values) -> dict[str, Any]:
        """The parameters for the database driver. Raises KeyError for a missing value."""
        connection = connections[DEFAULT_DB_ALIAS]
        return self._fixed | {name: prepare(values[key], connection) for name, key, prepare in self._open}


class PreparedSelect(threading.local, Generic[Row]):
    """A SELECT. `build` returns its queryset, of model objects or of tuples by `values_list()`.

    BY_PREFIX = PreparedSelect(lambda: ApiKey.objects.filter(prefix=param(ApiKey, "prefix")))
    api_key = BY_PREFIX.one(prefix="abc")
    """

    def __init__(self, build: Callable[[], models.QuerySet[Any, Row]]) -> None:
        self._build = build
        self._fetch: Callable[[Values], list[Row]] | None = None

    def __call__(self, **values: Any) -> list[Row]:
        """The rows. Raises KeyError for a missing value."""
        if self._fetch is None:
            self._fetch = _compiled_select(self._build())
        return self._fetch(values)

    def one(self, **values: Any) -> Row | None:
        """The first row, or None."""
        return next(iter(self(**values)), None)


def _compiled_select(queryset: models.QuerySet[Any, Row]) -> Callable[[Values], list[Row]]:
    query: Any = queryset.query
    compiler = query.get_compiler(using=DEFAULT_DB_ALIAS)
    statement = Statement(*compiler.as_sql())  # also sets the compiler's attributes that `_row_factory` reads
    by_column = compiler.get_converters([column[0] for column in compiler.select])
    converters = [(index, convert, column) for index, (several, column) in by_column.items() for convert in several]
    to_result = _row_factory(queryset, compiler)

    def fetch(values: Values) -> list[Row]:
        connection = connections[DEFAULT_DB_ALIAS]
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.bound(values))
            rows = [list(row) for row in cursor.fetchall()]
        for row in rows:
            for index, convert, column in converters:
                row[index] = convert(row[index], column, connection)
        return [to_result(row) for row in rows]

    return fetch


def _row_factory(queryset: models.QuerySet[Any, Row], compiler: Any) -> Callable[[list[Any]], Row]:
    """Creates a result from a row, as `ModelIterable` and `ValuesListIterable` do."""
    iterable: Any = queryset._iterable_class  # Django has no public attribute for the kind of results
    if iterable is ValuesListIterable:
        return cast("Callable[[list[Any]], Row]", tuple)
    if iterable is not ModelIterable:
        raise TypeError("A prepared SELECT returns model objects, or tuples by values_list().")
    model_info, columns, annotations = compiler.klass_info, compiler.select, compiler.annotation_col_map.items()
    start, end = model_info["select_fields"][0], model_info["select_fields"][-1] + 1
    names = [column[0].target.attname for column in columns[start:end]]
    populators = cast(Any, get_related_populators)(model_info, columns, DEFAULT_DB_ALIAS)  # the stubs are of Django 6

    def to_object(row: list[Any]) -> Row:
        item = model_info["model"].from_db(DEFAULT_DB_ALIAS, names, row[start:end])
        for populator in populators:
            populator.populate(row, item)
        for name, index in annotations:
            setattr(item, name, row[index])
        return cast("Row", item)

    return to_object


class _PreparedWrite(threading.local):
    """A statement without result rows, compiled on its first run."""

    def __init__(self, compile_statement: Callable[[], Statement]) -> None:
        self._compile = compile_statement
        self._statement: Statement | None = None

    def __call__(self, **values: Any) -> int:
        """The number of rows written. Raises KeyError for a missing value, and the database's exceptions."""
        if self._statement is None:
            self._statement = self._compile()
        bound = self._statement.bound(values)
        with transaction.mark_for_rollback_on_error(DEFAULT_DB_ALIAS), connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute(self._statement.sql, bound)
            return int(cursor.rowcount)


class PreparedUpdate(_PreparedWrite):
    """An UPDATE. `build` returns the queryset of rows and the new values by column."""

    def __init__(self, build: Callable[[], tuple[models.QuerySet[Any], Values]]) -> None:
        super().__init__(lambda: _compiled_update(*build()))


class PreparedInsert(_PreparedWrite):
    """An INSERT of one row, with a value for each column of the model but its automatic primary key."""

    def __init__(self, model: type[models.Model]) -> None:
        super().__init__(lambda: _compiled_insert(model))


def _compiled_update(queryset: models.QuerySet[Any], columns: Values) -> Statement:
    query: Any = queryset.query.chain(UpdateQuery)
    query.add_update_values(columns)
    return Statement(*query.get_compiler(DEFAULT_DB_ALIAS).as_sql())


def _compiled_insert(model: type[models.Model]) -> Statement:
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    query = InsertQuery(model)
    query.insert_values(fields, [model(**{field.attname: param(model, field.attname) for field in fields})])
    return Statement(*query.get_compiler(DEFAULT_DB_ALIAS).as_sql()[0])


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
        if connection.connection is None:
            connection.ensure_connection()
        try:
            with connection.wrap_database_errors:
                return self._fetched(connection.connection, values)
        except DatabaseError:
            connection.close_if_unusable_or_obsolete()
            raise

    def _fetched(self, connection: Any, values: Values) -> Record | None:
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
