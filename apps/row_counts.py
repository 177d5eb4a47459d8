"""How many rows a query has, where counting them all would read a large table."""

import json
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.models import QuerySet

# Up to this number, rows are counted.
EXACT_UP_TO = 10_000


@dataclass(frozen=True)
class RowCount:
    """A number of rows; an estimate if `is_exact` is False."""

    number: int
    is_exact: bool = True

    def __add__(self, other: "RowCount") -> "RowCount":
        return RowCount(self.number + other.number, self.is_exact and other.is_exact)


def row_count(rows: QuerySet[Any]) -> RowCount:
    """The exact number up to EXACT_UP_TO. Beyond, PostgreSQL's estimate, which it makes from a sample of the table.

    SQLite has no estimates and counts all rows.
    """
    unordered = rows.order_by()
    counted = unordered[: EXACT_UP_TO + 1].count()
    if counted <= EXACT_UP_TO:
        return RowCount(counted)
    if connections[rows.db].vendor != "postgresql":
        return RowCount(unordered.count())
    (explained,) = json.loads(unordered.explain(format="json"))
    return RowCount(max(int(explained["Plan"]["Plan Rows"]), counted), is_exact=False)
