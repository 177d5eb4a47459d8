"""The operations of a service: those of the imported document of a custom API, none for built-in services."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.integrations.custom_apis.services import queries
from apps.integrations.models import Integration


@dataclass(frozen=True)
class Offered:
    """One operation. `position` identifies it within its service; `scopes` are those it requires, if known. `path` is
    what follows `proxy/`: with `@name` before the path of an operation at a further host."""

    position: int
    method: str
    path: str
    summary: str = ""
    scopes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Its label in a list."""
        return self.summary or f"{self.method} {self.path}"


def operations_of(integration: Integration) -> Sequence[Offered]:
    """The operations of this service, in the order of the document."""
    if not integration.is_custom:
        return ()
    rows = queries.operations_of(integration)
    return [Offered(row.position, row.method.upper(), row.called_path, row.summary, tuple(row.scopes)) for row in rows]
