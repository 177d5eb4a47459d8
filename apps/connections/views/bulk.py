"""Sharing, handing over and disconnecting the connections that are selected in the list.

A page asks first: it names them, those that it leaves out, and the workflows that use them. After the confirmation,
another page has the outcome of each.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from apps.connections.models import Connection, Level
from apps.connections.policy.access import RANK, may_hand_over, may_manage, may_share
from apps.connections.policy.sharing import LEVEL_SENTENCES, sharing_of
from apps.connections.services.disconnect import disconnect
from apps.connections.services.share import share, transfer
from apps.connections.services.usage import workflows_of
from apps.connections.views.bulk_all import all_matching
from apps.connections.views.connection_pages import PAGE_SIZE
from apps.errors import SpecwayError
from apps.teams.actor import Actor
from apps.teams.decorators import team_required
from apps.teams.forms import LongSelect
from apps.teams.models import Membership
from apps.teams.requests import TeamRequest

# Seconds that one request may spend: a slow service must not block it.
TIMEOUT = 20
NOT_REACHED = _("There was no time left for it, so nothing was changed.")


@dataclass(frozen=True)
class Outcome:
    """What became of one connection; `manage_url` is the service's page for what is left to do there."""

    connection: Connection
    succeeded: bool
    sentence: str | Promise
    manage_url: str = ""


class LevelForm(forms.Form):
    """With what permission level everyone in the team gets access."""

    level = forms.ChoiceField(
        label=_("Everyone in the team can"),
        choices=[(level.value, f"{level.label}: {LEVEL_SENTENCES[level]}") for level in Level],
    )

    def __init__(self, data: Any, actor: Actor) -> None:
        super().__init__(data)

    def apply(self, actor: Actor, connection: Connection) -> Outcome:
        """Share it, and take nothing from anyone who can do more already."""
        level, now = Level(self.cleaned_data["level"]), sharing_of(connection)
        if now.everyone is not None and RANK[now.everyone] >= RANK[level]:
            return Outcome(
                connection,
                True,
                gettext("Was shared with everyone already: %(label)s.") % {"label": now.everyone.label},
            )
        more = {user_id: own for user_id, own in now.members.items() if RANK[own] > RANK[level]}
        share(actor=actor, connection=connection, everyone=level, members=more)
        return Outcome(
            connection, True, gettext("Shared with everyone in the team: %(label)s.") % {"label": level.label}
        )


class OwnerForm(forms.Form):
    """To which member the connections are handed over."""

    owner = forms.TypedChoiceField(label=_("New owner"), coerce=UUID, widget=LongSelect)

    def __init__(self, data: Any, actor: Actor) -> None:
        super().__init__(data)
        members = Membership.objects.filter(team=actor.team, user__is_active=True).select_related("user")
        field = self.fields["owner"]
        assert isinstance(field, forms.TypedChoiceField)  # noqa: S101 - narrows the type for mypy
        people = [(str(one.user_id), str(one.user)) for one in members.order_by("user__name", "user__email")]
        field.choices = [("", gettext("Choose a member")), *people]

    def apply(self, actor: Actor, connection: Connection) -> Outcome:
        """Hand it over. Raises what `transfer` raises."""
        if connection.owner_id == self.cleaned_data["owner"]:
            return Outcome(connection, True, gettext("Belonged to %(owner)s already.") % {"owner": connection.owner})
        changed = transfer(actor=actor, connection=connection, to=self.cleaned_data["owner"])
        return Outcome(connection, True, gettext("Belongs to %(owner)s now.") % {"owner": changed.owner})


class DisconnectForm(forms.Form):
    """No choice: the confirmation is enough."""

    def __init__(self, data: Any, actor: Actor) -> None:
        super().__init__(data)

    def apply(self, actor: Actor, connection: Connection) -> Outcome:
        """Disconnect it. Raises NotFound if it was disconnected already."""
        done = disconnect(actor=actor, connection=connection)
        return Outcome(connection, True, done.sentence, done.manage_url)


@dataclass(frozen=True)
class Action:
    """One of the actions: its words, who may take it, and its form."""

    verb: str | Promise
    done: str | Promise
    may: Callable[[Actor, Connection], bool]
    form: type[LevelForm | OwnerForm | DisconnectForm]
    is_destructive: bool = False


ACTIONS = {
    "share": Action(_("Share"), _("Shared"), may_share, LevelForm),
    "hand_over": Action(_("Hand over"), _("Handed over"), may_hand_over, OwnerForm, is_destructive=True),
    "disconnect": Action(_("Disconnect"), _("Disconnected"), may_manage, DisconnectForm, is_destructive=True),
}


@require_POST
@never_cache
@team_required
def selected(request: TeamRequest, action: str) -> HttpResponse:
    """The question about the selected connections (`id`), or all that match; with `confirmed`, the action."""
    if "all" in request.POST:
        wanted = ACTIONS[action]
        options = None if wanted.form is DisconnectForm else wanted.form
        return all_matching(request, action, verb=wanted.verb, form=options, is_destructive=wanted.is_destructive)
    chosen, left_out = chosen_connections(request.actor, request.POST.getlist("id"), ACTIONS[action].may)
    if not chosen:
        reason = (
            gettext("You are not allowed to do this with them.")
            if left_out
            else gettext("Select at least one connection.")
        )
        messages.error(request, reason)
        return redirect("connections:list")
    is_confirmed = "confirmed" in request.POST
    form = ACTIONS[action].form(request.POST if is_confirmed else None, request.actor)
    context = {"action": ACTIONS[action], "kind": action, "left_out": left_out}
    if is_confirmed and form.is_valid():
        outcomes = _apply(request.actor, form, chosen)
        context |= {"outcomes": outcomes, "failed": [one for one in outcomes if not one.succeeded]}
        return render(request, "connections/bulk_result.html", context)
    context |= {"form": form, "chosen": chosen, "workflows": workflows_of(chosen)}
    return render(request, "connections/bulk_question.html", context, status=400 if form.errors else 200)


def chosen_connections(
    actor: Actor, texts: list[str], may: Callable[[Actor, Connection], bool]
) -> tuple[list[Connection], list[Connection]]:
    """The visible ones of the selected connections: those that the actor may change so, and the others."""
    ids = []
    for text in texts[:PAGE_SIZE]:
        with suppress(ValueError):
            ids.append(UUID(text))
    rows = Connection.objects.visible_to(actor).filter(pk__in=ids).with_details().prefetch_related("shares")
    visible = list(rows.order_by("integration__name", "name", "pk"))
    allowed = [connection for connection in visible if may(actor, connection)]
    return allowed, [connection for connection in visible if connection not in allowed]


def _apply(actor: Actor, form: LevelForm | OwnerForm | DisconnectForm, chosen: list[Connection]) -> list[Outcome]:
    deadline = time.monotonic() + TIMEOUT
    outcomes = []
    for connection in chosen:
        if time.monotonic() > deadline:
            outcomes.append(Outcome(connection, False, NOT_REACHED))
            continue
        try:
            outcomes.append(form.apply(actor, connection))
        except SpecwayError as error:
            outcomes.append(Outcome(connection, False, error.sentence))
    return outcomes
