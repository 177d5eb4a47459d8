"""The request as views see it, with the memberships and the actor that the middleware found."""

from django.http import HttpRequest

from apps.teams.actor import Actor
from apps.teams.models import Membership, User


class PersonRequest(HttpRequest):
    """Of somebody signed in, who may still be without a team."""

    user: User
    memberships: list[Membership]


class TeamRequest(PersonRequest):
    """Of a member within the chosen team: what `team_required` promises to a view."""

    actor: Actor
