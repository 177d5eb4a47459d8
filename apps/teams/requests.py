"""Types of requests after `ActorMiddleware`."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from apps.teams.actor import Actor
from apps.teams.models import Membership, User


class PersonRequest(HttpRequest):
    """The request of a signed-in person, who may not have a team yet."""

    user: User
    memberships: list[Membership]
    htmx: HtmxDetails


class TeamRequest(PersonRequest):
    """The request of a member in the current team, as `team_required` guarantees."""

    actor: Actor
