"""Removing a member, leaving a team, deleting an account: each connection is handed over or disconnected first."""

from typing import Any, cast

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from apps.connections.forms.offboarding import OffboardingForm, items_of
from apps.connections.services import offboarding
from apps.connections.services.offboarding import Settled
from apps.connections.services.usage import workflows_of_member
from apps.errors import NotAllowed, NotFound, SpecwayError
from apps.sentences import translated
from apps.teams import permissions
from apps.teams.decorators import admin_required, team_required
from apps.teams.middleware import SESSION_TEAM
from apps.teams.models import Membership, User
from apps.teams.origin import origin_of
from apps.teams.querysets import service_keys_of
from apps.teams.requests import PersonRequest, TeamRequest

get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@get_or_post
@never_cache
@admin_required
def remove_member(request: TeamRequest, pk: int) -> HttpResponse:
    """The member's connections and the workflows that would stop; on POST, apply the decisions and remove them."""
    of_team = Membership.objects.select_related("user", "team").filter(team=request.actor.team)
    membership = of_team.filter(pk=pk).first()
    if membership is None:
        raise NotFound(gettext("There is no such member in this team."))
    if not permissions.may_manage_member(request.actor, membership.role):
        raise NotAllowed(gettext("Only owners can remove owners."))
    form = _form(request, [membership], preferred=request.actor.user)
    problem: SpecwayError | None = None
    if form.is_valid():
        try:
            done = offboarding.remove_member(
                actor=request.actor,
                membership_id=pk,
                decisions=form.decisions,
                service_keys=form.keys_decision,
            )
        except SpecwayError as error:
            problem = error
        else:
            messages.success(
                request,
                gettext("%(user)s is no longer a member. Their API keys are revoked.") % {"user": membership.user},
            )
            _add_messages(request, done)
            return redirect("teams:members")
    context = {
        "membership": membership,
        "is_self": membership.user_id == request.actor.user.pk if request.actor.user else False,
        "on_behalf": workflows_of_member(membership.team_id, membership.user_id),
    }
    return _page(request, "remove_member.html", form, problem, context)


@get_or_post
@never_cache
@team_required
def leave(request: TeamRequest) -> HttpResponse:
    """The same for the actor's own membership."""
    membership = next(one for one in request.memberships if one.team_id == cast(Any, request.actor.team).pk)
    form = _form(request, [membership])
    problem: SpecwayError | None = None
    if form.is_valid():
        try:
            done = offboarding.leave(actor=request.actor, decisions=form.decisions, service_keys=form.keys_decision)
        except SpecwayError as error:
            problem = error
        else:
            request.session.pop(SESSION_TEAM, None)
            messages.success(request, gettext("You left %(team)s.") % {"team": membership.team})
            _add_messages(request, done)
            return redirect("web:home")
    context = {"on_behalf": workflows_of_member(membership.team_id, membership.user_id)}
    return _page(request, "leave.html", form, problem, context)


@get_or_post
@never_cache
@login_required
@reauthentication_required  # type: ignore[untyped-decorator] # django-allauth ships no type information
def delete_account(request: PersonRequest) -> HttpResponse:
    """The person's connections in each team, and teams that end with them; on POST, delete the account."""
    user = request.user
    memberships = list(Membership.objects.filter(user=user).select_related("team", "user").order_by("team__name"))
    form = _form(request, memberships)
    problem: SpecwayError | None = None
    if form.is_valid():
        try:
            offboarding.delete_account(
                user=user, decisions=form.decisions, service_keys=form.keys_decision, origin=origin_of(request)
            )
        except SpecwayError as error:
            problem = error
        else:
            logout(request)
            messages.success(request, gettext("Your account is deleted."))
            return redirect("account_login")
    alone = [one for one in memberships if offboarding.is_alone(one)]
    context = {
        "closing": [one.team for one in alone],
        "stuck": [one.team for one in memberships if one not in alone and offboarding.is_last_owner(one)],
        "on_behalf": [row for one in memberships for row in workflows_of_member(one.team_id, one.user_id)],
    }
    return _page(request, "delete_account.html", form, problem, context)


def _form(request: HttpRequest, memberships: list[Membership], *, preferred: User | None = None) -> OffboardingForm:
    sent = request.POST if request.method == "POST" else None
    actor = getattr(request, "actor", None)
    return OffboardingForm(
        sent,
        items=[item for one in memberships for item in items_of(one, actor, preferred=preferred)],
        # A team that ends with its only member ends with its keys.
        api_keys=[key for one in memberships if not offboarding.is_alone(one) for key in service_keys_of(one)],
    )


def _page(
    request: HttpRequest, template: str, form: OffboardingForm, problem: SpecwayError | None, context: dict[str, Any]
) -> HttpResponse:
    status = problem.status if problem else 400 if form.errors else 200
    context |= {"form": form, "refusal": problem}
    return render(request, f"connections/offboarding/{template}", context, status=status)


def _add_messages(request: HttpRequest, done: Settled) -> None:
    if done.handed_over:
        messages.info(
            request,
            gettext("Handed over: %(handed_over)s. They keep using the former owner's access.")
            % {"handed_over": ", ".join(done.handed_over)},
        )
    for one in done.disconnected:
        messages.info(
            request,
            gettext("%(one)s is disconnected. %(sentence)s") % {"one": one.name, "sentence": translated(one.sentence)},
        )
