"""SQL beyond Django's querysets: the database's time, prepared SQL, and statements in files of their own."""

from apps.sql.expressions import HasItem, Now, database_now, distinct_values, exists_for_row
from apps.sql.postgresql import PostgreSQLStatement
from apps.sql.prepared import Parameter, PreparedInsert, PreparedSelect, PreparedUpdate, param

__all__ = [
    "HasItem",
    "Now",
    "Parameter",
    "PostgreSQLStatement",
    "PreparedInsert",
    "PreparedSelect",
    "PreparedUpdate",
    "database_now",
    "distinct_values",
    "exists_for_row",
    "param",
]
