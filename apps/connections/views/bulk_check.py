"""*Check now* for the connections that are selected in the list, with the result of each on a page."""

import time
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as now_translated
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from apps.connections.models import Connection
from apps.connections.policy.access import may_check
from apps.connections.services.check import Outcome, check
from apps.connections.views.bulk import TIMEOUT, chosen_connections
from apps.connections.views.bulk_all import all_matching
from apps.errors import SpecwayError
from apps.teams.actor import Actor
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest
from apps.teams.throttling import require_rate

LABELS: dict[Outcome, str | Promise] = {
    Outcome.WORKS: _("Working"),
    Outcome.REJECTED: _("Rejected"),
    Outcome.INCONCLUSIVE: _("Unclear"),
    Outcome.NOTHING_TO_CALL: _("Cannot be checked"),
}
_STATUS_KINDS = {
    Outcome.WORKS: "good",
    Outcome.REJECTED: "bad",
    Outcome.INCONCLUSIVE: "warn",
    Outcome.NOTHING_TO_CALL: "idle",
}


@dataclass(frozen=True)
class Checked:
    """A connection and what its check showed: the kind and word of a status, and a sentence."""

    connection: Connection
    kind: str
    label: str | Promise
    detail: str
    is_left: bool = False


@require_POST
@never_cache
@team_required
def check_selected(request: TeamRequest) -> HttpResponse:
    """Check the selected connections (`id`), as long as there is time. Raises TriedTooOften, as calls by API do."""
    if "all" in request.POST:
        return all_matching(request, "check", verb=_("Check"))
    chosen, left_out = chosen_connections(request.actor, request.POST.getlist("id"), may_check)
    if not chosen:
        reason = (
            now_translated("You are not allowed to do this with them.")
            if left_out
            else now_translated("Select at least one connection.")
        )
        messages.error(request, reason)
        return redirect("connections:list")
    require_rate(request.actor, calls=len(chosen))
    checked = _check(request.actor, chosen)
    context = {
        "checked": checked,
        "working": sum(one.kind == "good" for one in checked),
        "left": [one for one in checked if one.is_left],
        "left_out": left_out,
    }
    return render(request, "connections/bulk_checked.html", context)


def _check(actor: Actor, chosen: list[Connection]) -> list[Checked]:
    deadline, checked = time.monotonic() + TIMEOUT, []
    for connection in chosen:
        if time.monotonic() > deadline:
            reason = now_translated("There was no time left for it.")
            checked.append(Checked(connection, "idle", _("Not checked"), reason, is_left=True))
            continue
        try:
            result = check(connection=connection, actor=actor)
        except SpecwayError as error:
            checked.append(Checked(connection, "warn", _("Not checked"), error.sentence))
        else:
            kind, label = _STATUS_KINDS[result.outcome], LABELS[result.outcome]
            checked.append(Checked(connection, kind, label, result.detail))
    return checked
