"""The database's time, and lookups that Django's querysets do not express as an index needs them."""

from datetime import UTC, datetime
from typing import Any, cast

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.models import Q
from django.db.models.expressions import Func
from django.db.models.functions import Now as DatabaseNow
from django.db.models.lookups import IsNull


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
