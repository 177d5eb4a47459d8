"""Settings → Credentials: all stored credentials, of every kind, in one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.connections.forms.credential_filters import CredentialFilterForm, is_custom
from apps.connections.models import Connection
from apps.connections.views.connection_pages import columns, page_of, rows_of
from apps.connections.views.listing import COLUMNS
from apps.connections.views.rows import Row
from apps.integrations.models import Integration
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
    """Query parameters, all optional: those of `CredentialFilterForm`, and `page`."""
    visible = Connection.objects.visible_to(request.actor)
    filters = CredentialFilterForm(request.GET, actor=request.actor, connections=visible)
    chosen = filters.filters
    sort = chosen.get("sort", "")
    counts, kind = filters.count_by_kind(), chosen.get("kind", "")
    number = request.GET.get("page", "")
    page = page_of(filters.matching(), sort=sort, group="none", number=number, count=counts[kind or "all"])
    context: dict[str, Any] = {
        "filters": filters,
        "chips": _chips(filters, counts, kind),
        "page": page,
        "pages_url": f"?{urlencode(chosen)}&page=" if chosen else "?page=",
        "rows": _with_kinds(rows_of(request.actor, page)),
        "columns": columns(sort, chosen, COLUMNS),
        "total": filters.total,
        "attention_count": filters.attention,  # of the navigation, which would count again
    }
    return render(request, "connections/credentials.html", context)


def _with_kinds(rows: list[Row]) -> list[tuple[Row, str, bool]]:
    """The rows, each with the kind of its credential, and whether it is of a custom API."""
    kinds = {value: str(label) for value, label in Integration.Kind.choices}
    kinds[Integration.Kind.BASIC] = gettext("Basic")
    kinds[Integration.Kind.CLIENT_CREDENTIALS] = gettext("Client credentials")
    return [(row, kinds[row.connection.integration.kind], is_custom(row.connection)) for row in rows]


def _chips(filters: CredentialFilterForm, counts: Mapping[str, int], kind: str) -> list[Chip]:
    others = {name: value for name, value in filters.filters.items() if name != "kind"}
    url = reverse("connections:credentials")
    chips = []
    for value, label in [("", gettext("All kinds")), *filters.KINDS]:
        count = counts[value or "all"]
        query = urlencode(others | ({"kind": value} if value else {}))
        if count or not value or value == kind:
            chips.append(Chip(str(label), count, f"{url}?{query}" if query else url, value == kind))
    return chips
