"""A connection's page: overview and permissions, as far as the actor's level allows, and renaming."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from apps.connections.messages import hand_over_message
from apps.connections.models import Connection, Status
from apps.connections.policy.access import level_of, may_hand_over, may_share, may_view
from apps.connections.policy.permission_summary import Permissions
from apps.connections.policy.sharing import sharing_of
from apps.connections.services.ask import asked_at
from apps.connections.services.attention_details import details_of
from apps.connections.services.least_privilege import known_permissions, permissions_of_connection
from apps.connections.services.placement import change_placement, choices_for
from apps.connections.services.share import rename as rename_connection
from apps.connections.services.usage import usage_of, workflows_of
from apps.connections.views.lookup import managed_connection, viewed_connection, visible_connection
from apps.connections.views.rows import row_of
from apps.connections.views.usage_chart import chart_of
from apps.errors import NotFound, SpecwayError
from apps.integrations.catalog.entries import entry_for
from apps.integrations.errors import InvalidInput
from apps.integrations.models import KINDS_WITH_OAUTH_APP
from apps.integrations.oauth_apps.offered_scopes import Offer, offer_of
from apps.integrations.oauth_apps.services import oauth_app_for
from apps.oauth.account import PlacementChoice
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest

# The periods of the chart in days, and the one that is shown first.
PERIODS, USAGE_DAYS = (7, 30, 90), 30


def frame(request: TeamRequest, connection: Connection, tab: str) -> dict[str, Any]:
    """The template context that all tabs share."""
    needs_attention = connection.status == Status.NEEDS_ATTENTION
    return {
        "details": details_of(connection) if needs_attention else None,
        "asked_at": asked_at(connection, request.user) if needs_attention else None,
        "connection": connection,
        "integration": connection.integration,
        "row": row_of(request.actor, connection),
        "tab": tab,
        "level": level_of(request.actor, connection),
        "can_view": may_view(request.actor, connection),
        "can_share": may_share(request.actor, connection),
        "can_hand_over": may_hand_over(request.actor, connection),
        "has_permissions": connection.integration.kind in KINDS_WITH_OAUTH_APP,
        "handed_over": hand_over_message(connection) if connection.handed_over_from else "",
        "here": request.path,
    }


@require_safe
@never_cache
@team_required
def overview(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """Name, account and status for everyone with access; details, calls and workflows from the level View on.

    GET parameter `days`: the period of the chart, one of PERIODS.
    """
    connection = visible_connection(request.actor, connection_id)
    context = frame(request, connection, "overview")
    if context["can_view"]:
        days = next((each for each in PERIODS if str(each) == request.GET.get("days")), USAGE_DAYS)
        usage = usage_of(connection, days=days, today=timezone.now().date())
        context |= {
            "periods": PERIODS,
            "usage": usage,
            "chart": chart_of(usage),
            "workflows": workflows_of([connection]),
            "access": _access(connection),
            "unneeded": _unneeded(connection) if context["has_permissions"] else 0,
        }
    return render(request, "connections/page/overview.html", context)


def _access(connection: Connection) -> str:
    """The name of the promise (`apps.connections.policy.promises`) that says who can use it."""
    sharing = sharing_of(connection)
    if sharing.everyone:
        return "everyone"
    return "members" if sharing.members else "personal"


def _unneeded(connection: Connection) -> int:
    known = known_permissions(connection)
    return len(known.unneeded) if known else 0


@require_safe
@never_cache
@team_required
def permissions(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """Granted, missing and unused scopes, and a form to reconnect with other scopes."""
    connection = viewed_connection(request.actor, connection_id)
    context = frame(request, connection, "permissions")
    if not context["has_permissions"]:
        raise NotFound(
            gettext("%(connection)s uses an API key, whose permissions are set at the service.")
            % {"connection": connection.name}
        )
    summary = permissions_of_connection(connection)
    offer = _offer(request, connection)
    context |= {"permissions": summary, "further": _other_scopes(offer, summary), "offer": offer}
    return render(request, "connections/page/permissions.html", context)


def _offer(request: TeamRequest, connection: Connection) -> Offer:
    oauth_app = oauth_app_for(request.actor.team, connection.integration)
    return offer_of(entry_for(connection.integration), oauth_app)


def _other_scopes(offer: Offer, summary: Permissions) -> list[Any]:
    """Scopes on offer that the summary does not list."""
    listed = set(summary.wider)
    return [scope for scope in offer.scopes if scope.name not in listed]


@require_http_methods(["GET", "POST"])
@never_cache
@team_required
def rename(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """Rename a connection: in place on its page, or here without a script."""
    connection = managed_connection(request.actor, connection_id)
    problem: SpecwayError | None = None
    name = request.POST.get("name", connection.name)
    if request.method == "POST":
        try:
            rename_connection(actor=request.actor, connection=connection, name=name)
        except InvalidInput as error:
            problem = error
        else:
            messages.success(request, gettext("Renamed to %(connection)s.") % {"connection": connection.name})
            return redirect("connections:connection", connection.pk)
    context = {"connection": connection, "integration": connection.integration, "problem": problem, "name": name}
    return render(request, "connections/page/rename.html", context, status=problem.status if problem else 200)


@require_http_methods(["GET", "POST"])
@never_cache
@team_required
def site(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """Choose another site, tenant or organization of the connection's grant."""
    connection = managed_connection(request.actor, connection_id)
    problem: SpecwayError | None = None
    choices: list[PlacementChoice] = []
    try:
        if request.method == "POST":
            key = request.POST.get("site", "").replace("\r\n", "\n")
            changed = change_placement(actor=request.actor, connection=connection, key=key)
            messages.success(
                request, gettext("%(changed)s uses %(site)s now.") % {"changed": changed.name, "site": changed.site}
            )
            return redirect("connections:connection", connection.pk)
        choices = choices_for(actor=request.actor, connection=connection)
    except SpecwayError as error:
        problem = error
    current = next((one.key for one in choices if one.values.items() <= connection.params.items()), "")
    context = {"connection": connection, "problem": problem, "choices": choices, "current": current}
    return render(request, "connections/page/site.html", context, status=problem.status if problem else 200)
