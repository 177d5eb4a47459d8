"""Repairing: *Check now*, with its result in the list or on the connection's page, and asking those who can repair."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from apps.connections.errors import MailedLately
from apps.connections.services.ask import ask_to_repair
from apps.connections.services.authorize import own_path
from apps.connections.services.check import CheckResult, Outcome
from apps.connections.services.check import check as check_connection
from apps.connections.views.lookup import visible_connection
from apps.connections.views.rows import row_of
from apps.sentences import translated
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest
from apps.teams.services.invitations import mail_is_set_up
from apps.teams.throttling import require_rate

_LEVELS = {
    Outcome.WORKS: messages.SUCCESS,
    Outcome.REJECTED: messages.ERROR,
    Outcome.INCONCLUSIVE: messages.WARNING,
    Outcome.NOTHING_TO_CALL: messages.INFO,
}


@require_POST
@never_cache
@team_required
def check(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """Check now. Raises NotFound, NotAllowed, and TriedTooOften beyond the API's rate limit."""
    connection = visible_connection(request.actor, connection_id)
    require_rate(request.actor)  # as calls by API
    result = check_connection(connection=connection, actor=request.actor)
    if getattr(request, "htmx", False):
        row = row_of(request.actor, visible_connection(request.actor, connection_id))
        return render(request, "connections/_row_update.html", {"row": row, "check": result})
    messages.add_message(request, _LEVELS[result.outcome], _message(connection.name, result))
    return redirect(own_path(request.POST.get("return_path", "")) or "connections:list")


@require_POST
@never_cache
@team_required
def ask(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """Ask the people who manage a connection to repair it."""
    connection = visible_connection(request.actor, connection_id)
    try:
        asked = ask_to_repair(actor=request.actor, connection=connection, message=request.POST.get("message", ""))
    except MailedLately as error:
        messages.warning(request, translated(error.sentence))
        return redirect("connections:connection", connection.pk)
    names = ", ".join(str(person) for person in asked.people)
    if asked.was_mailed and mail_is_set_up():
        messages.success(
            request,
            gettext("%(names)s got a mail with a link to this connection. You can ask again tomorrow.")
            % {"names": names},
        )
    else:
        messages.info(
            request,
            gettext("%(names)s will see your question here. No mail was sent, so also send %(link)s")
            % {"names": names, "link": asked.link},
        )
    return redirect("connections:connection", connection.pk)


def _message(name: str, result: CheckResult) -> str:
    called = f" Called: {result.request}" if result.request else ""
    return f"{name}: {translated(result.detail)}{called}"
