"""What an actor may see of a team's people and keys."""

from django.db.models import QuerySet

from apps.teams import permissions
from apps.teams.actor import Actor
from apps.teams.models import ApiKey
from apps.teams.permissions import Action


def keys_visible_to(actor: Actor) -> QuerySet[ApiKey]:
    """All keys of the team for owners and admins, one's own personal ones for members; none for a service key."""
    of_team = ApiKey.objects.select_related("user").filter(team=actor.team)
    if permissions.may(actor, Action.REVOKE_ANY_KEY):
        return of_team
    if actor.user is None:
        return of_team.none()
    return of_team.filter(user=actor.user, kind=ApiKey.Kind.PERSONAL)
