"""A connection's *Sharing* tab, the question before somebody loses access, and handing it over."""

import hashlib
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from apps.connections.forms.sharing import HandOverForm, SharingForm
from apps.connections.models import Connection
from apps.connections.policy.access import may_hand_over, may_share
from apps.connections.policy.sharing import LEVEL_SENTENCES, Loss, Sharing, losses, sharing_of
from apps.connections.services.share import refusal, share, transfer, unshare
from apps.connections.services.usage import Workflow, workflows_of, workflows_of_people
from apps.connections.views.detail import frame
from apps.connections.views.lookup import managed_connection, viewed_connection
from apps.errors import NotAllowed, SpecwayError
from apps.teams.decorators import team_required
from apps.teams.models import Membership, Role
from apps.teams.requests import TeamRequest


@require_http_methods(["GET", "POST"])
@never_cache
@team_required
def sharing(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """How it is shared; sent, who would lose access is named first, and it is stored after a second click."""
    connection = viewed_connection(request.actor, connection_id)
    if request.method == "POST" and not may_share(request.actor, connection):
        raise NotAllowed(refusal(request.actor, connection))
    others = _others(connection)
    form = SharingForm(
        request.POST if request.method == "POST" else None, members=others, sharing=sharing_of(connection)
    )
    problem: SpecwayError | None = None
    if request.method == "POST" and form.is_valid():
        wanted = form.sharing
        stakes = _stakes(connection, wanted, others)
        if stakes["lost"] and request.POST.get("confirmed") != stakes["digest"]:
            context = frame(request, connection, "sharing") | stakes | {"form": form, "wanted": wanted}
            return render(request, "connections/page/sharing_question.html", context)
        try:
            _store(request, connection, wanted)
        except SpecwayError as error:
            problem = error
        else:
            messages.success(request, _told(connection, wanted))
            return redirect("connections:sharing", connection.pk)
    context = frame(request, connection, "sharing") | {
        "form": form,
        "problem": problem,
        "team": connection.team,
        "levels": [(level, level.label, sentence) for level, sentence in LEVEL_SENTENCES.items()],
        "now": sharing_of(connection),
        "used_by": _used_by(connection),
    }
    status = problem.status if problem else 400 if form.errors else 200
    return render(request, "connections/page/sharing.html", context, status=status)


def _others(connection: Connection) -> list[Membership]:
    members = Membership.objects.filter(team=connection.team_id).exclude(user=connection.owner_id)
    return list(members.select_related("user").order_by("user__name", "user__email"))


def _stakes(connection: Connection, wanted: Sharing, others: list[Membership]) -> dict[str, Any]:
    """Who loses what, with the workflows that run on their behalf. `digest` stands for exactly this answer."""
    # Owners and admins manage what is shared anyway; they lose only what becomes personal.
    before, held = sharing_of(connection), [one for one in others if one.role == Role.MEMBER or not wanted.is_shared]
    lost = losses(before, wanted, [(one.user_id, str(one.user)) for one in held])
    gone = [loss.user_id for loss in lost if loss.after is None]
    keys_lose = before.everyone is not None and wanted.everyone is None
    workflows: list[Workflow] = []
    if gone or keys_lose:
        workflows = workflows_of_people(connection, gone, with_keys=keys_lose)
    return {
        "lost": lost or keys_lose,
        "people": lost,
        "keys_lose": keys_lose,
        "workflows": workflows,
        "digest": _digest(lost, keys_lose, workflows),
    }


def _digest(lost: list[Loss], keys_lose: bool, workflows: list[Workflow]) -> str:
    """What was named is what is agreed to: whoever came meanwhile is named before they lose anything."""
    named = [f"{loss.user_id}{loss.after}" for loss in lost] + [workflow.id for workflow in workflows] + [keys_lose]
    return hashlib.sha256("\n".join(sorted(str(item) for item in named)).encode()).hexdigest()


def _store(request: TeamRequest, connection: Connection, wanted: Sharing) -> None:
    if wanted.is_shared:
        share(actor=request.actor, connection=connection, everyone=wanted.everyone, members=wanted.members)
    else:
        unshare(actor=request.actor, connection=connection)


def _told(connection: Connection, wanted: Sharing) -> str:
    if not wanted.is_shared:
        return f"{connection.name} is personal now: only {connection.owner} uses it."
    people = len(wanted.members)
    whom = "everyone in the team" if wanted.everyone else f"{people} member{'' if people == 1 else 's'}"
    return f"{connection.name} is shared with {whom}."


def _used_by(connection: Connection) -> dict[str, str]:
    """The workflows of each person, by the person's name."""
    names: dict[str, list[str]] = {}
    for workflow in workflows_of([connection]):
        for person in workflow.people:
            names.setdefault(person, []).append(str(workflow))
    return {person: ", ".join(workflows) for person, workflows in names.items()}


@require_http_methods(["GET", "POST"])
@never_cache
@team_required
def hand_over(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """Ask to whom, say what that means, and do it."""
    connection = managed_connection(request.actor, connection_id)
    if not may_hand_over(request.actor, connection):
        raise NotAllowed(f"Only its owner, and admins while it is shared, can hand {connection.name} over.")
    form = HandOverForm(request.POST if request.method == "POST" else None, members=_others(connection))
    if request.method == "POST" and form.is_valid():
        changed = transfer(actor=request.actor, connection=connection, to=form.to)
        messages.success(request, f"{changed.name} belongs to {changed.owner} now.")
        return redirect("connections:list")
    context = frame(request, connection, "sharing") | {"form": form, "workflows": workflows_of([connection])}
    return render(request, "connections/page/hand_over.html", context, status=400 if form.errors else 200)
