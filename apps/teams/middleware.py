"""Sets the actor of a request: the signed-in member in the current team of the session."""

from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from apps.teams.actor import Actor, member_actor
from apps.teams.models import Membership
from apps.teams.origin import origin_of

SESSION_TEAM = "team"


class ActorMiddleware:
    """Sets `request.actor` (None if signed out or without a team) and `request.memberships` for the team switcher.

    One query, for signed-in sessions only. The actor of an API key is set in `authentication`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        extended = cast(Any, request)  # `requests.TeamRequest` declares the attributes
        extended.memberships = memberships = _memberships(request)
        extended.actor = _actor(request, memberships)
        return self.get_response(request)


def _memberships(request: HttpRequest) -> list[Membership]:
    # A request without a session, as with an API key, is not signed in.
    if settings.SESSION_COOKIE_NAME not in request.COOKIES or not request.user.is_authenticated:
        return []
    own = Membership.objects.filter(user=request.user).select_related("team").order_by("created_at", "pk")
    memberships = list(own)
    for membership in memberships:
        membership.user = request.user  # avoids another query
    return memberships


def _actor(request: HttpRequest, memberships: list[Membership]) -> Actor | None:
    chosen = request.session.get(SESSION_TEAM) if memberships else None
    # The session's choice is valid only while the person belongs to that team.
    for membership in memberships:
        if str(membership.team_id) == chosen:
            return member_actor(membership, origin=origin_of(request))
    return member_actor(memberships[0], origin=origin_of(request)) if memberships else None
