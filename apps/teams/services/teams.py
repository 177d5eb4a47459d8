"""Creating, renaming and closing teams."""

from django.db import transaction
from django.utils.translation import gettext

from apps.audit.origin import Origin, Target
from apps.audit.services import record
from apps.errors import NotAllowed
from apps.teams import permissions
from apps.teams.actor import Actor
from apps.teams.errors import InvalidRequest, LastOwner, OwnsConnections
from apps.teams.models import Membership, Role, Team, User
from apps.teams.permissions import Action


@transaction.atomic
def create_team(*, user: User, name: str, origin: Origin) -> Membership:
    """Create a team owned by `user`. Returns the membership. Raises InvalidRequest for an invalid name."""
    team = Team.objects.create(name=_clean_name(name))
    membership = Membership.objects.create(team=team, user=user, role=Role.OWNER)
    record(action="team.created", origin=origin, team_id=team.pk, target=target_of(team))
    return membership


@transaction.atomic
def rename_team(*, actor: Actor, name: str) -> Team:
    """Raises NotAllowed for members, InvalidRequest for an invalid name."""
    permissions.require(actor, Action.RENAME_TEAM)
    team = locked_team(actor)
    before, team.name = team.name, _clean_name(name)
    if team.name != before:
        team.save(update_fields=["name"])
        record(action="team.renamed", origin=actor.origin, team_id=team.pk, target=target_of(team), before=before)
    return team


@transaction.atomic
def close_team(*, actor: Actor) -> None:
    """Delete a team whose only member is the actor, with its keys, invitations, OAuth apps and custom APIs.

    Raises LastOwner while it has other members, NotAllowed unless the actor is its owner, OwnsConnections.
    """
    team = locked_team(actor)
    if not actor.is_owner:
        raise NotAllowed(gettext("Only the owner can close the team."))
    if team.memberships.exclude(user=actor.user).exists():
        raise LastOwner
    if team.connections.exists():
        raise OwnsConnections(gettext("The team still has connections. Disconnect them first."))
    record(action="team.closed", origin=actor.origin, team_id=team.pk, target=target_of(team))
    team.delete()


def locked_team(actor: Actor) -> Team:
    """The actor's team, locked until the end of the transaction, so that changes of members are serialized."""
    if actor.team is None:
        raise RuntimeError("The actor has no team.")
    return Team.objects.select_for_update().get(pk=actor.team.pk)


def target_of(team: Team) -> Target:
    return Target(type="team", id=str(team.pk), label=team.name)


def _clean_name(name: str) -> str:
    cleaned = " ".join(name.split())
    if not cleaned or len(cleaned) > 100:
        raise InvalidRequest(gettext("A team's name has 1 to 100 characters."), field="name")
    return cleaned
