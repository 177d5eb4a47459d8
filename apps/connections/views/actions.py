"""The actions of a connection's row: refresh, and disconnect after a confirmation."""

import time
from contextlib import suppress
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from apps.connections.forms.connections import SelectionForm
from apps.connections.models import Connection
from apps.connections.policy.access import may_manage
from apps.connections.services.authorize import own_path
from apps.connections.services.disconnect import disconnect as disconnect_connection
from apps.connections.services.refresh import refresh_now
from apps.connections.services.usage import others_with_access, workflows_of
from apps.connections.views.bulk_all import all_matching
from apps.connections.views.connection_pages import PAGE_SIZE
from apps.connections.views.lookup import managed_connection, visible_connection
from apps.connections.views.rows import row_of
from apps.errors import SpecwayError
from apps.sentences import translated
from apps.teams.actor import Actor
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest

# Seconds that one request may spend on refreshing the selected connections: a slow service must not block it.
BULK_TIMEOUT = 20


@require_POST
@never_cache
@team_required
def refresh(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """Refresh the token now. If the service requires the person's consent again, the row shows *Reconnect*."""
    connection = managed_connection(request.actor, connection_id)
    problem = _try_refresh(request.actor, connection)
    if getattr(request, "htmx", False):
        row = row_of(request.actor, visible_connection(request.actor, connection_id))
        return render(request, "connections/_row_update.html", {"row": row, "problem": problem})
    if problem:
        messages.error(request, f"{connection.name}: {translated(problem.sentence)}")
    else:
        messages.success(request, gettext("%(connection)s has a new token.") % {"connection": connection.name})
    return redirect(own_path(request.POST.get("return_path", "")) or "connections:list")


@require_POST
@never_cache
@team_required
def refresh_selected(request: TeamRequest) -> HttpResponse:
    """Refresh the connections that are selected in the list, and report the outcome of each."""
    if "all" in request.POST:
        return all_matching(request, "refresh", verb=gettext("Refresh"))
    selected = Connection.objects.visible_to(request.actor).filter(pk__in=_uuids(request.POST.getlist("id")))
    details = selected.with_details().prefetch_related("shares")
    manageable = [one for one in details if may_manage(request.actor, one)]
    form = SelectionForm(request.POST, connections=manageable)
    if not form.is_valid():
        messages.error(request, str(form.errors["id"][0]))
        return redirect("connections:list")
    chosen = [connection for connection in manageable if str(connection.pk) in form.cleaned_data["id"]]
    _refresh_all(request, chosen)
    return redirect("connections:list")


def _uuids(texts: list[str]) -> list[UUID]:
    """The texts that are UUIDs, at most a page of them."""
    found = []
    for text in texts[:PAGE_SIZE]:
        with suppress(ValueError):
            found.append(UUID(text))
    return found


def _refresh_all(request: TeamRequest, connections: list[Connection]) -> None:
    deadline = time.monotonic() + BULK_TIMEOUT
    done: list[str] = []
    skipped: list[str] = []
    for connection in connections:
        if time.monotonic() > deadline:
            skipped.append(connection.name)
        elif problem := _try_refresh(request.actor, connection):
            messages.error(request, f"{connection.name}: {translated(problem.sentence)}")
        else:
            done.append(connection.name)
    if done:
        messages.success(request, gettext("New tokens for %(done)s.") % {"done": ", ".join(done)})
    if skipped:
        messages.warning(
            request,
            gettext("Out of time before refreshing %(skipped)s. Select them again.") % {"skipped": ", ".join(skipped)},
        )


def _try_refresh(actor: Actor, connection: Connection) -> SpecwayError | None:
    """The error, for display in the row; None if the refresh succeeded."""
    try:
        refresh_now(connection=connection, actor=actor)
    except SpecwayError as error:
        return error
    return None


@require_http_methods(["GET", "POST"])
@never_cache
@team_required
def disconnect(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """Ask for confirmation (a page, or a dialog for htmx), then disconnect and report what was revoked."""
    connection = managed_connection(request.actor, connection_id)
    context: dict[str, object] = {
        "connection": connection,
        "integration": connection.integration,
        # Read before they are deleted, for the page that follows.
        "workflows": workflows_of([connection]),
        "people": others_with_access(connection),
    }
    if request.method == "POST":
        context["outcome"] = disconnect_connection(actor=request.actor, connection=connection)
        return render(request, "connections/disconnected.html", context)
    template = "_disconnect_dialog.html" if getattr(request, "htmx", False) else "disconnect.html"
    return render(request, f"connections/{template}", context)
