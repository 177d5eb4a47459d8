"""Pages of teams: making and choosing one, its name and roles. Leaving is a matter of connections: see there.

Questions are pages of their own, so that all of them work without JavaScript.
"""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from apps.errors import NotAllowed, NotFound, SpecwayError
from apps.teams import permissions
from apps.teams.decorators import admin_required, team_required
from apps.teams.forms import RoleForm, TeamForm
from apps.teams.middleware import SESSION_TEAM
from apps.teams.models import Membership, Role, User
from apps.teams.origin import origin_of
from apps.teams.requests import TeamRequest
from apps.teams.services import members
from apps.teams.services.teams import create_team, rename_team

get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@login_required
@get_or_post
def create(request: HttpRequest) -> HttpResponse:
    """Ask for a team's name and make it; new people are led here."""
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and isinstance(request.user, User):
        made = create_team(user=request.user, name=form.cleaned_data["name"], origin=origin_of(request))
        request.session[SESSION_TEAM] = str(made.team_id)
        messages.success(request, f"{made.team} is there. You are its owner.")
        return redirect("web:home")
    return render(request, "teams/create.html", {"form": form})


@team_required
@require_POST
def switch(request: TeamRequest) -> HttpResponse:
    """Continue in another of one's teams (POST `team`: its ID). Raises NotFound for any other."""
    wanted = request.POST.get("team", "")
    if wanted not in [str(membership.team_id) for membership in request.memberships]:
        raise NotFound("There is no such team among yours.")
    request.session[SESSION_TEAM] = wanted
    return redirect("web:home")


@admin_required
@get_or_post
def rename(request: TeamRequest) -> HttpResponse:
    form = TeamForm(request.POST or None, initial={"name": request.actor.team})
    if request.method == "POST" and form.is_valid():
        team = rename_team(actor=request.actor, name=form.cleaned_data["name"])
        messages.success(request, f"The team is called {team} now.")
        return redirect("teams:members")
    return render(request, "teams/rename.html", {"form": form})


@admin_required
@get_or_post
def change_role(request: TeamRequest, pk: int) -> HttpResponse:
    membership = _membership(request, pk)
    roles = permissions.roles_to_give(request.actor)
    if not permissions.may_decide_about(request.actor, membership.role):
        raise NotAllowed("Only owners decide about owners.")
    form = RoleForm(request.POST or None, roles=roles, initial={"role": membership.role})
    refusal = None
    if request.method == "POST" and form.is_valid():
        try:
            members.change_role(actor=request.actor, membership_id=pk, role=Role(form.cleaned_data["role"]))
        except SpecwayError as error:
            refusal = error
        else:
            messages.success(request, f"{membership.user} is {Role(form.cleaned_data['role']).label.lower()} now.")
            return redirect("teams:members")
    context = {"membership": membership, "form": form, "refusal": refusal, "roles": roles}
    return render(request, "teams/change_role.html", context, status=refusal.status if refusal else 200)


def _membership(request: TeamRequest, pk: int) -> Membership:
    found = Membership.objects.select_related("user", "team").filter(team=request.actor.team, pk=pk).first()
    if found is None:
        raise NotFound("There is no such member in this team.")
    return found
