"""Prepared SQL: statements that run with every call, compiled once per thread.

Django compiles a queryset on each evaluation, also of a prebuilt one. For the SELECT of a token set with its joins, a
call costs about 3,000 µs of CPU time as a prebuilt queryset and 600 µs as prepared SQL, with the query and the model
objects (`python -m tests.bench.prepared_sql`, Python 3.11, SQLite, on a busy machine; 1,490 µs against 43 µs were
measured for Django's part alone on a quiet one). A statement is an ordinary queryset with `param()` in place of values
that are passed with each call; its results are model objects or tuples.

PostgreSQL parses and plans such a statement once per connection: it takes the parameters beside it, where Django's own
cursors put them into its text. A refresh takes 0.85 of the processor time with that (`python -m tests.bench.storm`).

It uses private parts of Django's ORM (`Query`, `SQLCompiler`, `ModelIterable`): tried on Django 5.2 with SQLite and
PostgreSQL. `tests/sql/test_prepared.py` has a test of each promise below.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar, cast

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections, models, transaction
from django.db.models.expressions import Expression
from django.db.models.query import ModelIterable, ValuesListIterable, get_related_populators
from django.db.models.sql import InsertQuery, UpdateQuery

Row = TypeVar("Row")
Values = Mapping[str, Any]


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
    """A statement's SQL and its parameters, for one thread."""

    def __init__(self, sql: str, params: Sequence[Any]) -> None:
        self._params = list(params)
        self._open = [
            (index, param.name, param.output_field.get_db_prep_value)
            for index, param in enumerate(params)
            if isinstance(param, Parameter)
        ]
        self._numbered = connections[DEFAULT_DB_ALIAS].vendor == "postgresql"
        if self._numbered:
            self.sql = sql % tuple(f"${index + 1}" for index in range(len(params)))
        else:
            # Django's back end for SQLite scans the SQL for positional parameters in every call.
            self.sql = sql.replace("%%", "%%%%") % tuple(f"%(p{index})s" for index in range(len(params)))

    def bound(self, values: Values, connection: Any) -> list[Any] | dict[str, Any]:
        """The parameters for a cursor of `_cursor()`. Raises KeyError for a missing value."""
        bound = self._params.copy()
        for index, name, prepare in self._open:
            bound[index] = prepare(values[name], connection)
        return bound if self._numbered else {f"p{index}": value for index, value in enumerate(bound)}


class _ServerCursor(psycopg.RawCursor[Any]):
    """Sends parameters beside the statement, which PostgreSQL keeps with its plan."""

    prepares = True

    def execute(self, query: Any, params: Any = None, **options: Any) -> _ServerCursor:
        return super().execute(query, params, prepare=self.prepares, **options)


def _cursor(connection: Any) -> Any:
    """A cursor for a Statement, wrapped by Django, which counts and logs what it executes."""
    if connection.vendor != "postgresql":
        return connection.cursor()
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    connection.validate_thread_sharing()
    cursor = _ServerCursor(connection.connection)
    if not connection.queries_logged:
        return connection.make_cursor(cursor)
    # Django logs the text that the cursor has, and psycopg leaves it there only where nothing is prepared.
    cursor.prepares = False
    return connection.make_debug_cursor(cursor)


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
        with _cursor(connection) as cursor:
            cursor.execute(statement.sql, statement.bound(values, connection))
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
        connection = connections[DEFAULT_DB_ALIAS]
        bound = self._statement.bound(values, connection)
        with transaction.mark_for_rollback_on_error(DEFAULT_DB_ALIAS), _cursor(connection) as cursor:
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
