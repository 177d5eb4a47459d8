"""Making, renaming and choosing teams."""

from django.db import transaction

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
    """A new team with `user` as its owner; gives that membership. Raises InvalidRequest for an empty or long name."""
    team = Team.objects.create(name=_clean_name(name))
    membership = Membership.objects.create(team=team, user=user, role=Role.OWNER)
    record(action="team.created", origin=origin, team_id=team.pk, target=target_of(team))
    return membership


@transaction.atomic
def rename_team(*, actor: Actor, name: str) -> Team:
    """Raises NotAllowed for members, InvalidRequest for an empty or long name."""
    permissions.require(actor, Action.RENAME_TEAM)
    team = locked_team(actor)
    before, team.name = team.name, _clean_name(name)
    if team.name != before:
        team.save(update_fields=["name"])
        record(action="team.renamed", origin=actor.origin, team_id=team.pk, target=target_of(team), before=before)
    return team


@transaction.atomic
def close_team(*, actor: Actor) -> None:
    """End a team that nobody but the actor belongs to, with its keys, invitations, OAuth apps and custom APIs.

    Raises LastOwner while others belong to it, NotAllowed for who is no owner, OwnsConnections.
    """
    team = locked_team(actor)
    if not actor.is_owner:
        raise NotAllowed("Only its owner can close a team.")
    if team.memberships.exclude(user=actor.user).exists():
        raise LastOwner
    if team.connections.exists():
        raise OwnsConnections("The team still has connections. Disconnect them first.")
    record(action="team.closed", origin=actor.origin, team_id=team.pk, target=target_of(team))
    team.delete()


def locked_team(actor: Actor) -> Team:
    """The actor's team, locked until the transaction ends: what decides about members happens one after the other."""
    if actor.team is None:
        raise RuntimeError("Only an actor within a team can change one.")
    return Team.objects.select_for_update().get(pk=actor.team.pk)


def target_of(team: Team) -> Target:
    return Target(type="team", id=str(team.pk), label=team.name)


def _clean_name(name: str) -> str:
    cleaned = " ".join(name.split())
    if not cleaned or len(cleaned) > 100:
        raise InvalidRequest("A team's name has 1 to 100 characters.", field="name")
    return cleaned
