"""Settings → Credentials: all stored credentials, of every kind, in one table."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.connections.forms.credential_filters import CredentialFilterForm, is_custom
from apps.connections.models import Connection
from apps.connections.views.listing import visible_connections
from apps.connections.views.rows import Row, row_of
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest


@dataclass(frozen=True)
class Chip:
    """A kind of credential, with the number of them and the URL that filters by it."""

    label: str
    count: int
    url: str
    is_current: bool


@require_safe
@never_cache
@team_required
def credentials(request: TeamRequest) -> HttpResponse:
    """Query parameters, all optional: `search`, `status`, `owner`, `sharing`, `used`, `kind`."""
    connections = visible_connections(request.actor)
    filters = CredentialFilterForm(request.GET, actor=request.actor, connections=connections)
    matching = filters.matching(connections)
    kind = filters.filters.get("kind", "")
    chosen = [one for one in matching if not kind or filters.is_of_kind(one, kind)]
    context: dict[str, Any] = {
        "filters": filters,
        "kind": kind,
        "chips": _chips(filters, matching, kind),
        "rows": _rows(request, chosen),
        "total": len(connections),
    }
    return render(request, "connections/credentials.html", context)


def _rows(request: TeamRequest, connections: list[Connection]) -> list[tuple[Row, bool]]:
    """Each row with whether it belongs to a custom API; those that need attention first, then by service and name."""
    rows = [(row_of(request.actor, connection), is_custom(connection)) for connection in connections]
    return sorted(
        rows,
        key=lambda pair: (
            not pair[0].needs_attention,
            pair[0].connection.integration.name.casefold(),
            pair[0].connection.name.casefold(),
        ),
    )


def _chips(filters: CredentialFilterForm, matching: list[Connection], kind: str) -> list[Chip]:
    others = {name: value for name, value in filters.filters.items() if name != "kind"}
    url = reverse("connections:credentials")
    chips = []
    for value, label in [("", "All kinds"), *filters.KINDS]:
        count = sum(not value or filters.is_of_kind(one, value) for one in matching)
        query = urlencode(others | ({"kind": value} if value else {}))
        if count or not value or value == kind:
            chips.append(Chip(label, count, f"{url}?{query}" if query else url, value == kind))
    return chips
