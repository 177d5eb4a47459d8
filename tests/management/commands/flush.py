"""`flush` for tests: the tables that a TransactionTestCase filled are emptied, also the audit log.

Django's truncates all tables, which costs PostgreSQL a new file for each table and index, and makes content types and
permissions anew: most of the time of such a test.
"""

from typing import Any

from django.core.management.commands import flush
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from apps.audit import append_only

# What migrations fill and no test changes.
KEPT = {"auth_permission", "django_content_type", "django_migrations"}


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        database = options["database"]
        connection = connections[database]
        with transaction.atomic(using=database):
            if filled := filled_tables(connection):
                empty(connection, filled)


def filled_tables(connection: BaseDatabaseWrapper) -> list[str]:
    """The tables with rows, except those that are KEPT: one statement asks for all of them."""
    tables = sorted(set(connection.introspection.django_table_names(only_existing=True)) - KEPT)
    asked = [f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {quoted(connection, table)})" for table in tables]  # noqa: S608 - names of tables
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(asked))
        return [table for (table,) in cursor.fetchall()]


def empty(connection: BaseDatabaseWrapper, tables: list[str]) -> None:
    """Delete the rows, in any order: foreign keys are checked at the end of the transaction."""
    guarded = "audit_auditevent" in tables
    if guarded:
        append_only.lift(connection)
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DELETE FROM {quoted(connection, table)}")  # noqa: S608 - the name of a table
    if guarded:
        append_only.guard(connection)


def quoted(connection: BaseDatabaseWrapper, table: str) -> str:
    name: str = connection.ops.quote_name(table)
    return name
