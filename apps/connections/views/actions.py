"""What can be done with a connection from its row: refresh it, or disconnect it after a question."""

import time
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from apps.connections.forms.connections import SelectionForm
from apps.connections.models import Connection
from apps.connections.policy.access import may_manage
from apps.connections.services.authorize import own_path
from apps.connections.services.disconnect import disconnect as disconnect_connection
from apps.connections.services.refresh import refresh_now
from apps.connections.services.usage import others_with_access, workflows_of
from apps.connections.views.listing import visible
from apps.connections.views.lookup import managed_connection, visible_connection
from apps.connections.views.rows import row_of
from apps.errors import SpecwayError
from apps.teams.actor import Actor
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest

# How long (seconds) one request may go on refreshing what was ticked: a service that is slow must not hold it for ever.
BULK_BUDGET = 20


@require_POST
@never_cache
@team_required
def refresh(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """Fetch a new token now. A service that wants the person again turns the row red, with *Reconnect* in it."""
    connection = managed_connection(request.actor, connection_id)
    problem = _try_refresh(request.actor, connection)
    if getattr(request, "htmx", False):
        row = row_of(request.actor, visible_connection(request.actor, connection_id))
        return render(request, "connections/_row_update.html", {"row": row, "problem": problem})
    if problem:
        messages.error(request, f"{connection.name}: {problem.sentence}")
    else:
        messages.success(request, f"{connection.name} has a new token.")
    return redirect(own_path(request.POST.get("return_path", "")) or "connections:list")


@require_POST
@never_cache
@team_required
def refresh_selected(request: TeamRequest) -> HttpResponse:
    """Refresh what was ticked in the list, and say of each that it worked or why not."""
    manageable = [one for one in visible(request.actor) if may_manage(request.actor, one)]
    form = SelectionForm(request.POST, connections=manageable)
    if not form.is_valid():
        messages.error(request, str(form.errors["id"][0]))
        return redirect("connections:list")
    chosen = [connection for connection in manageable if str(connection.pk) in form.cleaned_data["id"]]
    _refresh_all(request, chosen)
    return redirect("connections:list")


def _refresh_all(request: TeamRequest, connections: list[Connection]) -> None:
    until = time.monotonic() + BULK_BUDGET
    done: list[str] = []
    left: list[str] = []
    for connection in connections:
        if time.monotonic() > until:
            left.append(connection.name)
        elif problem := _try_refresh(request.actor, connection):
            messages.error(request, f"{connection.name}: {problem.sentence}")
        else:
            done.append(connection.name)
    if done:
        messages.success(request, f"New tokens for {', '.join(done)}.")
    if left:
        messages.warning(request, f"Not tried for lack of time: {', '.join(left)}. Select them again.")


def _try_refresh(actor: Actor, connection: Connection) -> SpecwayError | None:
    """What went wrong, to be told beside the row; None if nothing did."""
    try:
        refresh_now(connection=connection, actor=actor)
    except SpecwayError as error:
        return error
    return None


@require_http_methods(["GET", "POST"])
@never_cache
@team_required
def disconnect(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """Ask (a page, or for htmx a dialog), then do it and say what was and was not revoked."""
    connection = managed_connection(request.actor, connection_id)
    context: dict[str, object] = {
        "connection": connection,
        "integration": connection.integration,
        # Before the rows go, to be told afterwards.
        "workflows": workflows_of([connection]),
        "people": others_with_access(connection),
    }
    if request.method == "POST":
        context["outcome"] = disconnect_connection(actor=request.actor, connection=connection)
        return render(request, "connections/disconnected.html", context)
    template = "_disconnect_dialog.html" if getattr(request, "htmx", False) else "disconnect.html"
    return render(request, f"connections/{template}", context)
