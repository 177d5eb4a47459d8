"""Pages of teams: creating and choosing a team, its name, members and roles, invitations, and API keys.

Removing members and leaving are pages of connections, since connections must be handed over first. Confirmations are
pages of their own, so that everything works without JavaScript.
"""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from apps.errors import NotAllowed, NotFound, SpecwayError
from apps.teams import keys, permissions
from apps.teams.decorators import admin_required, team_required
from apps.teams.forms import ApiKeyForm, ChangeRoleForm, InvitationForm, TeamForm
from apps.teams.middleware import SESSION_TEAM
from apps.teams.models import ApiKey, Invitation, Membership, Role, User
from apps.teams.origin import origin_of
from apps.teams.permissions import Action
from apps.teams.querysets import keys_visible_to, members_of, open_invitations, service_keys_of
from apps.teams.requests import TeamRequest
from apps.teams.services import invitations, members
from apps.teams.services.api_keys import CreatedKey, create_api_key, revoke_api_key
from apps.teams.services.invitations import IssuedInvitation
from apps.teams.services.teams import create_team, rename_team
from apps.teams.signals import api_key_dependents

# Members on a page.
MEMBERS = 50

get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@login_required
@get_or_post
def create(request: HttpRequest) -> HttpResponse:
    """Create a team. People without a team are redirected here."""
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and isinstance(request.user, User):
        membership = create_team(user=request.user, name=form.cleaned_data["name"], origin=origin_of(request))
        request.session[SESSION_TEAM] = str(membership.team_id)
        messages.success(request, gettext("You created %(team)s and are its owner.") % {"team": membership.team})
        return redirect("web:home")
    return render(request, "teams/create.html", {"form": form})


@team_required
@require_POST
def switch(request: TeamRequest) -> HttpResponse:
    """Switch to another of the person's teams (POST `team`: its ID). Raises NotFound for other teams."""
    team_id = request.POST.get("team", "")
    if team_id not in [str(membership.team_id) for membership in request.memberships]:
        raise NotFound(gettext("You do not belong to this team."))
    request.session[SESSION_TEAM] = team_id
    return redirect("web:home")


@admin_required
@get_or_post
def rename(request: TeamRequest) -> HttpResponse:
    form = TeamForm(request.POST or None, initial={"name": request.actor.team})
    if request.method == "POST" and form.is_valid():
        team = rename_team(actor=request.actor, name=form.cleaned_data["name"])
        messages.success(request, gettext("The team is now called %(team)s.") % {"team": team})
        return redirect("teams:members")
    return render(request, "teams/rename.html", {"form": form})


@admin_required
@get_or_post
def change_role(request: TeamRequest, pk: int) -> HttpResponse:
    membership = _membership(request, pk)
    roles = permissions.assignable_roles(request.actor)
    if not permissions.may_manage_member(request.actor, membership.role):
        raise NotAllowed(gettext("Only owners can change or remove owners."))
    service_keys = list(service_keys_of(membership))
    form = ChangeRoleForm(
        request.POST or None, roles=roles, initial={"role": membership.role}, has_service_keys=bool(service_keys)
    )
    refusal = None
    if request.method == "POST" and form.is_valid():
        try:
            role = Role(form.cleaned_data["role"])
            members.change_role(actor=request.actor, membership_id=pk, role=role, service_keys=form.decision)
        except SpecwayError as error:
            refusal = error
        else:
            said = gettext("%(person)s now has the role %(role)s.")
            messages.success(request, said % {"person": membership.user, "role": role.label})
            return redirect("teams:members")
    status = refusal.status if refusal else 400 if form.errors else 200
    context = {
        "membership": membership,
        "form": form,
        "refusal": refusal,
        "roles": roles,
        "service_keys": service_keys,
    }
    return render(request, "teams/change_role.html", context, status=status)


def _membership(request: TeamRequest, pk: int) -> Membership:
    membership = Membership.objects.select_related("user", "team").filter(team=request.actor.team, pk=pk).first()
    if membership is None:
        raise NotFound(gettext("This team has no such member."))
    return membership


@team_required
@never_cache  # after inviting, the page has links that are shown once
@get_or_post
def team_members(request: TeamRequest) -> HttpResponse:
    """The team's members; for owners and admins also its open invitations and the form for inviting (POST).

    Query parameters, both optional: `search`, in names and addresses, and `page`.
    """
    roles = permissions.assignable_roles(request.actor)
    form = InvitationForm(request.POST or None, roles=roles, initial={"role": Role.MEMBER})
    issued: list[IssuedInvitation] = []
    status = 200
    if request.method == "POST":
        permissions.require(request.actor, Action.INVITE)
        issued, status = _invite(request, form)
    search = request.GET.get("search", "").strip()[:100]
    found = members_of(request.actor)
    if search:
        found = found.filter(Q(user__name__icontains=search) | Q(user__email__icontains=search))
    page = Paginator(found, MEMBERS).get_page(request.GET.get("page", ""))
    context = {
        "memberships": page.object_list,
        "page": page,
        "pages_url": f"?{urlencode({'search': search})}&page=" if search else "?page=",
        "search": search,
        "may_invite": permissions.may(request.actor, Action.INVITE),
        "invitations": open_invitations(request.actor),
        "now": timezone.now(),
        "form": InvitationForm(roles=roles, initial={"role": Role.MEMBER}) if issued else form,
        "issued": issued,
        "roles": roles,
    }
    return render(request, "teams/members.html", context, status=status)


def _invite(request: TeamRequest, form: InvitationForm) -> tuple[list[IssuedInvitation], int]:
    """The issued invitations and the page's HTTP status; errors are added to the form."""
    if not form.is_valid():
        return [], 400
    try:
        values = form.cleaned_data
        issued = invitations.invite(actor=request.actor, emails=values["emails"], role=Role(values["role"]))
    except SpecwayError as error:
        form.add_error("emails", error.sentence)
        return [], error.status
    return issued, 200


@admin_required
@require_POST
def revoke_invitation(request: TeamRequest, pk: UUID) -> HttpResponse:
    revoked = invitations.revoke_invitation(actor=request.actor, invitation_id=pk)
    said = gettext("The invitation for %(email)s is revoked. Its link no longer works.")
    messages.success(request, said % {"email": revoked.email})
    return redirect("teams:members")


@never_cache
@get_or_post
def accept_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """The page of an invitation's link; its button (POST) joins the team."""
    invitation = invitations.find_invitation(token=token)
    if request.method != "POST":
        return render(request, "teams/invitation.html", _invitation_context(request, invitation))
    if not isinstance(request.user, User):
        return redirect_to_login(request.get_full_path())
    joined = invitations.accept_invitation(user=request.user, token=token, origin=origin_of(request))
    request.session[SESSION_TEAM] = str(joined.team_id)
    messages.success(request, gettext("Welcome to %(team)s.") % {"team": joined.team})
    return redirect("web:home")


def _invitation_context(request: HttpRequest, invitation: Invitation) -> dict[str, object]:
    return {
        "invitation": invitation,
        "is_mine": isinstance(request.user, User) and invitations.is_for(invitation, request.user),
    }


@team_required
@never_cache  # after creating a key, the page has its text, which is shown once
@get_or_post
def api_keys(request: TeamRequest) -> HttpResponse:
    """The keys that the actor may see, and the form that creates one (POST)."""
    form = ApiKeyForm(request.POST or None)
    created, status = _create_key(request, form) if request.method == "POST" else (None, 200)
    shown = ApiKeyForm() if created else form
    context = {
        "keys": keys_visible_to(request.actor).filter(revoked_at=None),
        "now": timezone.now(),
        "form": shown,
        "chosen": shown["scopes"].value() or [],
        "made": created,
        "scopes": keys.SCOPES,
        "may_make_service_keys": permissions.may(request.actor, Action.CREATE_SERVICE_KEYS),
    }
    return render(request, "teams/api_keys.html", context, status=status)


def _create_key(request: TeamRequest, form: ApiKeyForm) -> tuple[CreatedKey | None, int]:
    """The new key, if any, and the page's HTTP status; errors are added to the form."""
    if not form.is_valid():
        return None, 400
    try:
        created = create_api_key(
            actor=request.actor,
            kind=ApiKey.Kind(form.cleaned_data["kind"]),
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            expires_at=form.expires_at(),
        )
    except SpecwayError as error:
        form.add_error(None, error.sentence)
        return None, error.status
    return created, 200


@team_required
@get_or_post
def revoke_api_key_page(request: TeamRequest, pk: UUID) -> HttpResponse:
    """Confirm, then revoke (POST)."""
    api_key = keys_visible_to(request.actor).filter(pk=pk, revoked_at=None).first()
    if api_key is None:
        raise NotFound(gettext("There is no such API key that you can revoke."))
    if request.method == "POST":
        revoke_api_key(actor=request.actor, api_key_id=pk)
        said = gettext("The key %(name)s is revoked and no longer works.")
        messages.success(request, said % {"name": api_key.name})
        return redirect("teams:api_keys")
    responses: list[tuple[Any, Any]] = api_key_dependents.send(ApiKey, api_key=api_key)
    dependents = [row for _, rows in responses for row in rows]
    return render(request, "teams/revoke_api_key.html", {"api_key": api_key, "dependents": dependents})
