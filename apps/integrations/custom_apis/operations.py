"""The calls that a service is known to offer: those of the document that a team imported, none for built-in ones."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.integrations.custom_apis.services import queries
from apps.integrations.models import Integration


@dataclass(frozen=True)
class Offered:
    """One call. `position` names it within its service; `scopes` are what it needs, as far as that is said."""

    position: int
    method: str
    path: str
    summary: str = ""
    scopes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What a list shows of it."""
        return self.summary or f"{self.method} {self.path}"


def operations_of(integration: Integration) -> Sequence[Offered]:
    """The calls of this service, in its document's order."""
    if not integration.is_custom:
        return ()
    rows = queries.operations_of(integration)
    return [Offered(row.position, row.method.upper(), row.path, row.summary, tuple(row.scopes)) for row in rows]
