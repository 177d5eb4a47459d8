"""Whether an actor's access still holds: for writes after a request to a service, during which it may have ended."""

from dataclasses import replace
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext

from apps.errors import NotAllowed, NotFound
from apps.sql import Now
from apps.teams import permissions
from apps.teams.actor import Actor
from apps.teams.models import ApiKey, Membership, Role, Team
from apps.teams.permissions import Action


def require_still_allowed(actor: Actor, action: Action) -> Team:
    """The actor's team, locked until the end of the transaction, in which the actor's present role allows the action.

    Raises NotFound if the team was closed, NotAllowed if the role does not allow it or access to the team has ended.
    """
    permissions.require(actor, action)
    team = lock_team(actor.team.pk if actor.team else None)
    if team is None:
        raise NotFound(gettext("The team was closed meanwhile, so nothing was stored."))
    if has_ended(actor, team.pk):
        raise NotAllowed(gettext("Your access to this team has ended, so nothing was stored."))
    if actor.user is not None:
        role = Membership.objects.filter(team=team, user=actor.user).values_list("role", flat=True).get()
        permissions.require(replace(actor, role=Role(role)), action)
    return team


def lock_team(team_id: UUID | None) -> Team | None:
    """The team, locked until the end of the transaction, before any of its rows. None if it was closed."""
    return None if team_id is None else Team.objects.select_for_update().filter(pk=team_id).first()


def has_ended(actor: Actor, team_id: UUID | None) -> bool:
    """Whether the actor's key was revoked or has expired, or the actor's person left the team."""
    return _key_ended(actor) or _left_team(actor, team_id)


def _key_ended(actor: Actor) -> bool:
    if actor.api_key is None:
        return False
    unexpired = Q(expires_at=None) | Q(expires_at__gt=Now())
    return not ApiKey.objects.filter(unexpired, pk=actor.api_key.pk, revoked_at=None).exists()


def _left_team(actor: Actor, team_id: UUID | None) -> bool:
    if actor.user is None:
        return False
    return not Membership.objects.filter(team=team_id, user=actor.user).exists()
