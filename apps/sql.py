"""Statements that are made with every call: Django puts them together once, and runs them with other values.

Putting a SELECT with its joins together costs Django several times what running it costs, and gives the same text each
time. Here the text is kept, for each thread, since a compiler belongs to a thread's database connection. What is
written is an ordinary queryset in which `given()` stands where a value comes later; what comes back are model objects.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar, cast

from django.db import DEFAULT_DB_ALIAS, connections, models, transaction
from django.db.models.expressions import Expression
from django.db.models.query import ModelIterable, ValuesListIterable, get_related_populators
from django.db.models.sql import InsertQuery, UpdateQuery

Row = TypeVar("Row")
Values = Mapping[str, Any]


class Parameter(Expression):
    """The place of a value in a statement. See `given`."""

    def __init__(self, name: str, field: models.Field[Any, Any]) -> None:
        super().__init__(output_field=field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return "%s", (self,)


def param(model: type[models.Model], field: str, *, name: str = "") -> Parameter:
    """The place of a value that is given when the statement runs: by the field's name, or by `name`.

    It reaches the database as the field's values do.
    """
    return Parameter(name or field, model._meta.get_field(field))  # type: ignore[arg-type]  # a column's, not a relation's


class Statement:
    """A statement's text and the places in it, for one thread.

    Places have names, since Django's SQLite would search a whole text for those that have none, with every call.
    """

    def __init__(self, sql: str, places: Sequence[Any]) -> None:
        names = [f"p{number}" for number in range(len(places))]
        self.sql = sql.replace("%%", "%%%%") % tuple(f"%({name})s" for name in names)
        param = [(name, place) for name, place in zip(names, places, strict=True) if isinstance(place, Parameter)]
        self._given = [(name, place.name, place.output_field.get_db_prep_value) for name, place in param]
        self._fixed = dict(zip(names, places, strict=True))

    def bound(self, values: Values) -> dict[str, Any]:
        """What the database is given for the places."""
        connection = connections[DEFAULT_DB_ALIAS]
        return self._fixed | {name: prepare(values[field], connection) for name, field, prepare in self._given}


class PreparedSelect(threading.local, Generic[Row]):
    """A SELECT. `make` gives its queryset; the values of its places are given with each call.

    KEY = Selection(lambda: ApiKey.objects.filter(prefix=given(ApiKey, "prefix")))
    found = KEY(prefix="abc")
    """

    def __init__(self, make: Callable[[], models.QuerySet[Any, Row]]) -> None:
        self._make = make
        self._rows: Callable[[Values], list[Row]] | None = None

    def __call__(self, **values: Any) -> list[Row]:
        """The rows."""
        if self._rows is None:
            self._rows = _rows_of(self._make())
        return self._rows(values)

    def one(self, **values: Any) -> Row | None:
        """The row, where there can be but one; None without."""
        return next(iter(self(**values)), None)


def _rows_of(queryset: models.QuerySet[Any, Row]) -> Callable[[Values], list[Row]]:
    query: Any = queryset.query
    compiler = query.get_compiler(using=DEFAULT_DB_ALIAS)
    statement = Statement(*compiler.as_sql())  # which also leaves in the compiler how rows become objects
    converters = compiler.get_converters([column[0] for column in compiler.select])
    steps = [(place, convert, column) for place, (several, column) in converters.items() for convert in several]
    made_of = _maker(queryset, compiler)

    def rows(values: Values) -> list[Row]:
        connection = connections[DEFAULT_DB_ALIAS]
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.bound(values))
            found = [list(row) for row in cursor.fetchall()]
        for row in found:
            for place, convert, column in steps:
                row[place] = convert(row[place], column, connection)
        return [made_of(row) for row in found]

    return rows


def _maker(queryset: models.QuerySet[Any, Row], compiler: Any) -> Callable[[list[Any]], Row]:
    """What makes an object of a row, as Django's own iterables of these two kinds do it for all rows anew."""
    kind: Any = queryset._iterable_class  # there is no public way to what a queryset gives
    if kind is ValuesListIterable:
        return cast("Callable[[list[Any]], Row]", tuple)
    if kind is not ModelIterable:
        raise TypeError("A statement gives model objects, or tuples by values_list().")
    facts, columns, annotations = compiler.klass_info, compiler.select, compiler.annotation_col_map.items()
    start, end = facts["select_fields"][0], facts["select_fields"][-1] + 1
    names = [column[0].target.attname for column in columns[start:end]]
    populators = get_related_populators(facts, columns, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]  # stubs of Django 6

    def made(row: list[Any]) -> Row:
        item = facts["model"].from_db(DEFAULT_DB_ALIAS, names, row[start:end])
        for populator in populators:
            populator.populate(row, item)
        for name, place in annotations:
            setattr(item, name, row[place])
        return cast("Row", item)

    return made


class _Writing(threading.local):
    """A statement that gives no rows, put together when it is first run."""

    def __init__(self, put_together: Callable[[], Statement]) -> None:
        self._put_together = put_together
        self._statement: Statement | None = None

    def __call__(self, **values: Any) -> int:
        """The number of rows that were written. Raises what the database raises, and KeyError without a value."""
        if self._statement is None:
            self._statement = self._put_together()
        bound = self._statement.bound(values)
        with transaction.mark_for_rollback_on_error(DEFAULT_DB_ALIAS), connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute(self._statement.sql, bound)
            return int(cursor.rowcount)


class PreparedUpdate(_Writing):
    """An UPDATE. `make` gives the queryset of the rows and the columns' new values."""

    def __init__(self, make: Callable[[], tuple[models.QuerySet[Any], Values]]) -> None:
        super().__init__(lambda: _update(*make()))


class PreparedInsert(_Writing):
    """An INSERT of one row, with a value for each of the model's columns but its automatic key."""

    def __init__(self, model: type[models.Model]) -> None:
        super().__init__(lambda: _insert(model))


def _update(queryset: models.QuerySet[Any], columns: Values) -> Statement:
    query: Any = queryset.query.chain(UpdateQuery)
    query.add_update_values(columns)
    return Statement(*query.get_compiler(DEFAULT_DB_ALIAS).as_sql())


def _insert(model: type[models.Model]) -> Statement:
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    query = InsertQuery(model)
    query.insert_values(fields, [model(**{field.attname: param(model, field.attname) for field in fields})])
    return Statement(*query.get_compiler(DEFAULT_DB_ALIAS).as_sql()[0])
