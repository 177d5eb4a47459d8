"""Traces: the exchanges with a service, without secrets, for members who manage the connection or custom API."""

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.connections.messages import FIRST_REFRESH_FAULTS, first_refresh_message, first_refresh_outcome
from apps.connections.models import Connection, TraceEntry
from apps.connections.services.tracing import KEPT_FOR
from apps.connections.views.lookup import managed_connection
from apps.integrations.custom_apis.services.queries import custom_api_named, missing_of, operations_of
from apps.integrations.redirect_uri import custom_api_redirect_uri
from apps.teams import permissions
from apps.teams.decorators import team_required
from apps.teams.permissions import Action
from apps.teams.requests import TeamRequest

PAGE_SIZE = 50


@require_safe
@never_cache
@team_required
def of_connection(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """The exchanges for a connection, and the outcome of its first refresh. Raises NotFound, NotAllowed."""
    connection = managed_connection(request.actor, connection_id)
    context = {
        "connection": connection,
        "integration": connection.integration,
        "first_refresh": _first_refresh(connection),
        **_page(request, TraceEntry.objects.filter(connection=connection)),
    }
    return render(request, "connections/trace.html", context)


@require_safe
@never_cache
@team_required
def of_api(request: TeamRequest, slug: str) -> HttpResponse:
    """The exchanges with the API's server, failed authorization flows included. Raises NotFound, NotAllowed."""
    api = custom_api_named(request.actor, slug)
    permissions.require(request.actor, Action.MANAGE_CUSTOM_APIS)
    context = {
        "api": api,
        "integration": api.integration,
        "tab": "trace",
        "can_manage": True,
        "missing": missing_of(api),
        "operations": operations_of(api.integration).count(),
        "redirect_uri": custom_api_redirect_uri(api.integration),
        **_page(request, TraceEntry.objects.filter(integration=api.integration).select_related("connection")),
    }
    return render(request, "integrations/custom/trace.html", context)


def _page(request: TeamRequest, entries: QuerySet[TraceEntry]) -> dict[str, Any]:
    return {"page": Paginator(entries, PAGE_SIZE).get_page(request.GET.get("page")), "days": KEPT_FOR.days}


def _first_refresh(connection: Connection) -> dict[str, Any] | None:
    outcome = first_refresh_outcome(connection)
    if not outcome:
        return None
    code = connection.first_refresh.code
    return {
        "sentence": first_refresh_message(outcome, name=connection.integration.name, code=code),
        "is_fault": outcome in FIRST_REFRESH_FAULTS,
        "worked": outcome in ("worked", "never_ends"),
    }
