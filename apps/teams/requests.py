"""The request as the views of every room see it: with the memberships and the actor that the middleware found."""

from django.http import HttpRequest

from apps.teams.actor import Actor
from apps.teams.models import Membership, User


class PersonRequest(HttpRequest):
    """Of somebody signed in, who may still be without a team."""

    user: User
    actor: Actor | None  # type: ignore[assignment] # TeamRequest narrows it; django-stubs' request has no such name
    memberships: list[Membership]


class TeamRequest(HttpRequest):
    """Of a member within the chosen team: what `team_required` promises to a view."""

    user: User
    actor: Actor
    memberships: list[Membership]
