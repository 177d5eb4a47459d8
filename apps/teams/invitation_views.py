"""Pages of members and invitations: who belongs to the team, inviting, withdrawing, joining."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from apps.errors import SpecwayError
from apps.teams import permissions
from apps.teams.decorators import admin_required, team_required
from apps.teams.forms import InvitationForm
from apps.teams.middleware import SESSION_TEAM
from apps.teams.models import Invitation, Role, User
from apps.teams.origin import origin_of
from apps.teams.permissions import Action
from apps.teams.querysets import members_of, open_invitations
from apps.teams.requests import TeamRequest
from apps.teams.services import invitations as services
from apps.teams.services.invitations import Issued
from apps.teams.views import get_or_post


@team_required
@never_cache  # after inviting, the page holds links that are shown this once
@get_or_post
def members(request: TeamRequest) -> HttpResponse:
    """The team's members; for owners and admins also its open invitations, and the form that makes more (POST)."""
    roles = permissions.roles_to_give(request.actor)
    form = InvitationForm(request.POST or None, roles=roles, initial={"role": Role.MEMBER})
    issued: list[Issued] = []
    status = 200
    if request.method == "POST":
        permissions.require(request.actor, Action.INVITE)
        issued, status = _invite(request, form)
    context = {
        "memberships": members_of(request.actor),
        "may_invite": permissions.may(request.actor, Action.INVITE),
        "invitations": open_invitations(request.actor),
        "now": timezone.now(),
        "form": InvitationForm(roles=roles, initial={"role": Role.MEMBER}) if issued else form,
        "issued": issued,
        "roles": roles,
    }
    return render(request, "teams/members.html", context, status=status)


def _invite(request: TeamRequest, form: InvitationForm) -> tuple[list[Issued], int]:
    """What was issued and the page's HTTP status; a refusal stands in the form."""
    if not form.is_valid():
        return [], 400
    try:
        wanted = form.cleaned_data
        issued = services.invite(actor=request.actor, emails=wanted["emails"], role=Role(wanted["role"]))
    except SpecwayError as error:
        form.add_error("emails", error.sentence)
        return [], error.status
    return issued, 200


@admin_required
@require_POST
def revoke_invitation(request: TeamRequest, pk: UUID) -> HttpResponse:
    revoked = services.revoke_invitation(actor=request.actor, invitation_id=pk)
    messages.success(request, f"The invitation of {revoked.email} is withdrawn. Its link no longer works.")
    return redirect("teams:members")


@never_cache
@get_or_post
def accept_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """What the link of an invitation shows; the button there (POST) joins the team."""
    invitation = services.find_invitation(token=token)
    if request.method != "POST":
        return render(request, "teams/invitation.html", _invitation_context(request, invitation))
    if not isinstance(request.user, User):
        return redirect_to_login(request.get_full_path())
    joined = services.accept_invitation(user=request.user, token=token, origin=origin_of(request))
    request.session[SESSION_TEAM] = str(joined.team_id)
    messages.success(request, f"Welcome to {joined.team}.")
    return redirect("web:home")


def _invitation_context(request: HttpRequest, invitation: Invitation) -> dict[str, object]:
    return {
        "invitation": invitation,
        "is_mine": isinstance(request.user, User) and services.is_for(invitation, request.user),
    }
