"""Settings → Team → Unneeded access: permissions that no call needs and connections that nothing uses, for admins."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from apps.connections.errors import MailedLately
from apps.connections.services.ask import Question, ask_owner
from apps.connections.services.least_privilege import COMPARED, summary_of, unknown_uses, unused_connections
from apps.connections.views.connection_pages import PAGE_SIZE
from apps.connections.views.lookup import managed_connection
from apps.sentences import translated
from apps.teams.decorators import admin_required
from apps.teams.requests import TeamRequest
from apps.teams.services.invitations import mail_is_set_up

# The periods that can be chosen, in days.
PERIODS = (30, 90)


@require_safe
@never_cache
@admin_required
def unneeded_access(request: TeamRequest) -> HttpResponse:
    """Query parameters, all optional: `days` (30 or 90), `show` (permissions or connections) and `page`."""
    days = _days(request.GET.get("days", ""))
    shows_connections = request.GET.get("show") == "connections"
    summary = summary_of(request.actor, days=days)
    unused = unused_connections(request.actor, days=days)
    listed: Any = unused if shows_connections else summary.narrowings
    page = Paginator(listed, PAGE_SIZE).get_page(request.GET.get("page", ""))
    show = "connections" if shows_connections else "permissions"
    context = {
        "days": days,
        "periods": PERIODS,
        "show": show,
        "summary": summary,
        "unused": page.paginator.count if shows_connections else unused.count(),
        "unknown": [] if shows_connections else unknown_uses(request.actor),
        "page": page,
        "pages_url": f"?{urlencode({'days': str(days), 'show': show})}&page=",
        "is_cut": summary.compared >= COMPARED,
        "compared": COMPARED,
    }
    return render(request, "connections/unneeded_access.html", context)


@require_POST
@never_cache
@admin_required
def ask(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """Ask the connection's owner. Form fields: `question` (narrow or disconnect) and `days`."""
    connection = managed_connection(request.actor, connection_id)
    is_narrow = request.POST.get("question") != Question.DISCONNECT
    days = _days(request.POST.get("days", ""))
    question = Question.NARROW if is_narrow else Question.DISCONNECT
    show = "permissions" if is_narrow else "connections"
    back = f"{reverse('connections:unneeded_access')}?{urlencode({'days': str(days), 'show': show})}"
    try:
        asked = ask_owner(actor=request.actor, connection=connection, question=question, days=days)
    except MailedLately as error:
        messages.warning(request, translated(error.sentence))
        return redirect(back)
    if asked.was_mailed and mail_is_set_up():
        messages.success(
            request,
            gettext("%(owner)s got a mail about %(connection)s.")
            % {"owner": connection.owner, "connection": connection.name},
        )
    else:
        messages.info(
            request,
            gettext("%(owner)s will see your question here. No mail was sent, so also send %(link)s")
            % {"owner": connection.owner, "link": asked.link},
        )
    return redirect(back)


def _days(text: str) -> int:
    """The chosen period; the longest for anything else."""
    return next((days for days in PERIODS if text == str(days)), PERIODS[-1])
