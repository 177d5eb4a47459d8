"""The trace of a team's own API: what was exchanged with its server, without secrets, for those who may manage it."""

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.connections.first_refresh_messages import FAULTS, first_refresh_sentence
from apps.connections.models import Connection, TraceEntry
from apps.connections.services.tracing import KEPT_FOR
from apps.connections.views.lookup import managed_connection
from apps.errors import NotFound
from apps.integrations.custom_apis.services.queries import custom_api_named, missing_of, operations_of
from apps.integrations.redirect_uri import redirect_uri
from apps.teams import permissions
from apps.teams.decorators import team_required
from apps.teams.permissions import Action
from apps.teams.requests import TeamRequest

PAGE = 50


@require_safe
@never_cache
@team_required
def of_connection(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """What was exchanged for a connection, and how its first refresh went. Raises NotFound, NotAllowed."""
    connection = managed_connection(request.actor, connection_id)
    if not connection.integration.is_custom:
        raise NotFound("There is no trace of this connection: its service is built in.")
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
    """What was exchanged with the API's server, trips that failed included. Raises NotFound, NotAllowed."""
    api = custom_api_named(request.actor, slug)
    permissions.require(request.actor, Action.MANAGE_CUSTOM_APIS)
    context = {
        "api": api,
        "integration": api.integration,
        "tab": "trace",
        "can_manage": True,
        "missing": missing_of(api),
        "operations": operations_of(api.integration).count(),
        "redirect_uri": redirect_uri(api.integration),
        **_page(request, TraceEntry.objects.filter(integration=api.integration).select_related("connection")),
    }
    return render(request, "integrations/custom/trace.html", context)


def _page(request: TeamRequest, entries: QuerySet[TraceEntry]) -> dict[str, Any]:
    return {"page": Paginator(entries, PAGE).get_page(request.GET.get("page")), "days": KEPT_FOR.days}


def _first_refresh(connection: Connection) -> dict[str, Any] | None:
    tried = getattr(connection, "first_refresh", None)
    if tried is None:
        return None
    sentence = first_refresh_sentence(tried.outcome, name=connection.integration.name, code=tried.code)
    return {"sentence": sentence, "is_fault": tried.outcome in FAULTS, "worked": tried.outcome == "worked"}
