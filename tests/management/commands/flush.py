"""`flush` for tests: Django empties all tables after a TransactionTestCase, which the audit log's triggers refuse."""

from typing import Any

from django.core.management.commands import flush
from django.db import connections, transaction

from apps.audit import append_only


class Command(flush.Command):
    """Lifts the guard of the audit log for as long as the tables are emptied."""

    def handle(self, **options: Any) -> None:
        database = options["database"]
        with transaction.atomic(using=database):
            append_only.lift(connections[database])
            super().handle(**options)
            append_only.guard(connections[database])
