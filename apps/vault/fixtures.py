"""What `dumpdata` writes of a secret, and what `loaddata` makes of that: nothing, in both directions."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import F, Value
from django.db.models.sql.subqueries import InsertQuery

from apps.vault.envelope import MASK


class Untouched:
    """A secret that came out of a fixture: an UPDATE leaves the column as it is, an INSERT leaves it empty.

    `loaddata` writes attributes straight into the query, where Django asks this for the expression to write.
    """

    def __init__(self, column: str) -> None:
        self.column = column

    def resolve_expression(self, query: Any, *args: Any, **options: Any) -> Any:
        expression = Value(None) if isinstance(query, InsertQuery) else F(self.column)
        return expression.resolve_expression(query, *args, **options)


def from_fixture(name: str, value: object) -> Untouched:
    """Takes the mask or null. A secret in clear is refused: the fixture is not the place for it."""
    if value is None or value == MASK:
        return Untouched(name)
    raise ValidationError(f"A fixture cannot hold a secret: {name} takes null or {MASK!r}, and keeps what is stored.")
