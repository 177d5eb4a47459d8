"""Decorators that require a team or a role."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext

from apps.errors import NotAllowed
from apps.teams.requests import TeamRequest

P = ParamSpec("P")
View = Callable[Concatenate[TeamRequest, P], HttpResponseBase]
AnyView = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def team_required(view: View[P]) -> AnyView[P]:
    """Require a signed-in person (else redirect to login) with a team (else redirect to create one)."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if cast(Any, request).actor is None:
            return redirect("teams:create")
        return view(cast(TeamRequest, request), *args, **kwargs)

    return guarded


def admin_required(view: View[P]) -> AnyView[P]:
    """`team_required` for owners and admins. Raises NotAllowed (403) for members."""

    @wraps(view)
    def guarded(request: TeamRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.actor.is_admin:
            raise NotAllowed(gettext("Only owners and admins of the team can do this."))
        return view(request, *args, **kwargs)

    return team_required(guarded)
