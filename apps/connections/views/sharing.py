"""A connection's *Sharing* tab, the confirmation before someone loses access, and handing over."""

import hashlib
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from apps.connections.forms.sharing import MOST_MEMBERS, HandOverForm, MemberRow, SharingForm, submitted_members
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

# The people that the confirmation names. The number of the others follows.
MOST_NAMED = 50


@require_http_methods(["GET", "POST"])
@never_cache
@team_required
def sharing(request: TeamRequest, connection_id: UUID) -> HttpResponse:
    """The sharing form; a change that takes access away is stored only after a confirmation that names who loses it."""
    connection = viewed_connection(request.actor, connection_id)
    if request.method != "POST":
        return _sharing_page(request, connection)
    if not may_share(request.actor, connection):
        raise NotAllowed(refusal(request.actor, connection))
    if "find" in request.POST:
        return _sharing_page(request, connection)
    form = _submitted(request, connection)
    if not form.is_valid():
        return _sharing_page(request, connection, form, status=400)
    new = form.sharing
    impact = _impact(connection, new)
    if impact["lost"] and request.POST.get("confirmed") != impact["digest"]:
        context = frame(request, connection, "sharing") | impact | {"form": form, "wanted": new}
        return render(request, "connections/page/sharing_question.html", context)
    try:
        _store(request, connection, new)
    except SpecwayError as error:
        return _sharing_page(request, connection, form, problem=error, status=error.status)
    messages.success(request, _success_message(connection, new))
    return redirect("connections:sharing", connection.pk)


def _submitted(request: TeamRequest, connection: Connection) -> SharingForm:
    """The form with the members that it is about."""
    members = _other_members(connection).filter(user__in=submitted_members(request.POST, "shown", "member"))
    return SharingForm(request.POST, members=list(members), sharing=sharing_of(connection))


def _sharing_page(
    request: TeamRequest,
    connection: Connection,
    form: SharingForm | None = None,
    *,
    problem: SpecwayError | None = None,
    status: int = 200,
) -> HttpResponse:
    """The form as submitted; else MOST_MEMBERS that the search finds, those with a share first.

    A search is submitted with the form: what was changed for members whom it does not find is carried in hidden fields.
    """
    now, search, carried = sharing_of(connection), request.POST.get("search", "").strip(), list[MemberRow]()
    errors = form.errors if form else {}
    others = _other_members(connection)
    if form is None:
        listed = _found(others, search, now)
        if request.method == "POST":
            submitted = _submitted(request, connection)
            keys = {one.user_id for one in listed}
            carried = [row for row in submitted.changed if row.member.user_id not in keys]
        form = SharingForm(request.POST if request.method == "POST" else None, members=listed, sharing=now)
    shown = form.displayed
    keys = {row.member.user_id for row in (*shown["rows"], *carried)}
    context = frame(request, connection, "sharing") | {
        "form": form,
        "errors": errors,
        "problem": problem,
        "team": connection.team,
        "levels": [(level, level.label, sentence) for level, sentence in LEVEL_SENTENCES.items()],
        "now": now,
        "shown": shown,
        "carried": carried,
        "search": search,
        "used_by": _used_by(connection),
        "others": others.count() - len(shown["rows"]),
        "others_selected": len(set(now.members) - keys),
    }
    return render(request, "connections/page/sharing.html", context, status=status)


def _other_members(connection: Connection) -> QuerySet[Membership]:
    members = Membership.objects.filter(team=connection.team_id).exclude(user=connection.owner_id)
    return members.select_related("user").order_by("user__name", "user__email")


def _found(others: QuerySet[Membership], search: str, now: Sharing) -> list[Membership]:
    """Members by a part of their name or address, those with a share of their own first."""
    if search:
        others = others.filter(Q(user__name__icontains=search) | Q(user__email__icontains=search))
    with_share = list(others.filter(user__in=list(now.members))[:MOST_MEMBERS])
    missing = MOST_MEMBERS - len(with_share)
    return with_share + list(others.exclude(user__in=list(now.members))[:missing] if missing else [])


def _impact(connection: Connection, new: Sharing) -> dict[str, Any]:
    """Who loses access, with the workflows that run on their behalf; `digest` identifies exactly this impact."""
    others = _other_members(connection).only("role", "user__name", "user__email")
    # Owners and admins manage shared connections anyway; they lose access only if it becomes personal.
    before, affected = sharing_of(connection), [one for one in others if one.role == Role.MEMBER or not new.is_shared]
    lost = losses(before, new, [(one.user_id, str(one.user)) for one in affected])
    without_access = [loss.user_id for loss in lost if loss.after is None]
    keys_lose = before.everyone is not None and new.everyone is None
    workflows: list[Workflow] = []
    if without_access or keys_lose:
        workflows = workflows_of_people(connection, without_access, with_keys=keys_lose)
    return {
        "lost": lost or keys_lose,
        "people": lost[:MOST_NAMED],
        "people_count": len(lost),
        "unnamed_count": len(lost[MOST_NAMED:]),
        "keys_lose": keys_lose,
        "workflows": workflows,
        "digest": _digest(lost, keys_lose, workflows),
    }


def _digest(lost: list[Loss], keys_lose: bool, workflows: list[Workflow]) -> str:
    """A confirmation covers exactly the people and workflows that were listed: a change meanwhile asks again."""
    items = [f"{loss.user_id}{loss.after}" for loss in lost] + [workflow.id for workflow in workflows] + [keys_lose]
    return hashlib.sha256("\n".join(sorted(str(item) for item in items)).encode()).hexdigest()


def _store(request: TeamRequest, connection: Connection, new: Sharing) -> None:
    if new.is_shared:
        share(actor=request.actor, connection=connection, everyone=new.everyone, members=new.members)
    else:
        unshare(actor=request.actor, connection=connection)


def _success_message(connection: Connection, new: Sharing) -> str:
    if not new.is_shared:
        return gettext("%(connection)s is personal now. Only %(owner)s can use it.") % {
            "connection": connection.name,
            "owner": connection.owner,
        }
    people = len(new.members)
    whom = (
        gettext("everyone in the team")
        if new.everyone
        else ngettext("%(n)s member", "%(n)s members", people) % {"n": people}
    )
    return gettext("%(connection)s is shared with %(whom)s.") % {"connection": connection.name, "whom": whom}


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
    """The form with the consequences of handing over; on POST, hand the connection over."""
    connection = managed_connection(request.actor, connection_id)
    if not may_hand_over(request.actor, connection):
        raise NotAllowed(
            gettext("Only the owner, or an admin while it is shared, can hand over %(connection)s.")
            % {"connection": connection.name}
        )
    others = list(_other_members(connection).only("user__name", "user__email"))
    form = HandOverForm(request.POST if request.method == "POST" else None, members=others)
    if request.method == "POST" and form.is_valid():
        changed = transfer(actor=request.actor, connection=connection, to=form.to)
        messages.success(
            request,
            gettext("%(changed)s belongs to %(owner)s now.") % {"changed": changed.name, "owner": changed.owner},
        )
        return redirect("connections:list")
    context = frame(request, connection, "sharing") | {"form": form, "workflows": workflows_of([connection])}
    return render(request, "connections/page/hand_over.html", context, status=400 if form.errors else 200)
