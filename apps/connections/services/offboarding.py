"""A member leaves a team: each of their connections is handed over or disconnected first.

The revocation requests come between transactions. All input is checked before anything is changed, and the membership
ends last, so that an interrupted offboarding can be continued.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_noop

from apps.audit.origin import Origin
from apps.connections.errors import Undecided
from apps.connections.models import Connection, Status
from apps.connections.policy.access import may_hand_over
from apps.connections.services.disconnect import Disconnected, disconnect
from apps.connections.services.share import transfer
from apps.errors import NotAllowed, NotFound
from apps.integrations.errors import InvalidInput
from apps.teams.actor import Actor, member_actor
from apps.teams.errors import LastOwner
from apps.teams.models import Membership, Role, ServiceKeys, User
from apps.teams.services import members, people
from apps.teams.services.teams import close_team

# The new owner's ID by the connection's ID; None disconnects it.
Decisions = Mapping[UUID, UUID | None]


@dataclass
class Settled:
    """The result: names of the connections that were handed over, and the result of each disconnect."""

    handed_over: list[str] = field(default_factory=list)
    disconnected: list[Disconnected] = field(default_factory=list)


def owned_by(membership: Membership) -> list[Connection]:
    """The member's connections in this team, shared ones first."""
    owned = Connection.objects.filter(team=membership.team_id, owner=membership.user_id)
    owned = owned.exclude(status=Status.DISCONNECTING).with_details().prefetch_related("shares")
    return list(owned.order_by("-is_shared", "name", "created_at"))


def remove_member(
    *, actor: Actor, membership_id: int, decisions: Decisions, service_keys: ServiceKeys | None = None
) -> Settled:
    """Hand over or disconnect a member's connections, then remove the member from the team.

    Raises what `members.remove_member` raises, Undecided if a connection is not in `decisions`, NotAllowed for handing
    over another member's personal connection, and InvalidInput for a new owner who is not another member.
    """
    membership = members.removable(actor=actor, membership_id=membership_id)
    members.require_decision(membership, service_keys)
    settled = settle(actor=actor, membership=membership, decisions=decisions)
    members.remove_member(actor=actor, membership_id=membership_id, service_keys=service_keys)
    return settled


def leave(*, actor: Actor, decisions: Decisions, service_keys: ServiceKeys | None = None) -> Settled:
    """Hand over or disconnect the actor's connections, then leave the team. Raises what `remove_member` raises."""
    membership = members.leavable(actor=actor)
    members.require_decision(membership, service_keys)
    settled = settle(actor=actor, membership=membership, decisions=decisions)
    members.leave(actor=actor, service_keys=service_keys)
    return settled


def delete_account(
    *, user: User, decisions: Decisions, origin: Origin, service_keys: ServiceKeys | None = None
) -> Settled:
    """Hand over or disconnect the user's connections in every team, leave the teams, and delete the account.

    A team without other members is closed. Raises LastOwner for one that would have no owner.
    """
    memberships = list(Membership.objects.filter(user=user).select_related("team", "user"))
    for membership in memberships:
        if not is_alone(membership) and is_last_owner(membership):
            raise LastOwner
        if not is_alone(membership):
            members.require_decision(membership, service_keys)
        _check(member_actor(membership, origin=origin), membership, decisions)
    done = Settled()
    for membership in memberships:
        actor = member_actor(membership, origin=origin)
        settled = settle(actor=actor, membership=membership, decisions=decisions)
        done.handed_over += settled.handed_over
        done.disconnected += settled.disconnected
        if is_alone(membership):
            close_team(actor=actor)
        else:
            members.leave(actor=actor, service_keys=service_keys)
    people.delete_person(user=user, origin=origin)
    return done


def settle(*, actor: Actor, membership: Membership, decisions: Decisions) -> Settled:
    """Hand over and disconnect as decided. Raises Undecided, NotAllowed and InvalidInput before anything is done."""
    owned = _check(actor, membership, decisions)
    done = Settled()
    with transaction.atomic():
        for connection in owned:
            if to := decisions[connection.pk]:
                transfer(actor=actor, connection=connection, to=to)
                done.handed_over.append(connection.name)
    for connection in owned:
        if decisions[connection.pk] is None:
            try:
                done.disconnected.append(disconnect(actor=actor, connection=connection))
            except NotFound:  # it was disconnected meanwhile
                continue
    return done


def is_alone(membership: Membership) -> bool:
    """Whether the team has no other member."""
    return not Membership.objects.filter(team=membership.team_id).exclude(pk=membership.pk).exists()


def is_last_owner(membership: Membership) -> bool:
    """Whether the team has no other owner."""
    owners = Membership.objects.filter(team=membership.team_id, role=Role.OWNER).exclude(pk=membership.pk)
    return membership.role == Role.OWNER and not owners.exists()


def heirs_of(membership: Membership) -> list[User]:
    """The members to whom connections can be handed over, owners and admins first."""
    others = Membership.objects.filter(team=membership.team_id, user__is_active=True).exclude(pk=membership.pk)
    rank = {Role.OWNER: 0, Role.ADMIN: 1}
    ordered = (
        others.select_related("user").only("role", "user__name", "user__email").order_by("user__name", "user__email")
    )
    return [other.user for other in sorted(ordered, key=lambda other: rank.get(Role(other.role), 2))]


def _check(actor: Actor, membership: Membership, decisions: Decisions) -> list[Connection]:
    owned = owned_by(membership)
    undecided = [connection.name for connection in owned if connection.pk not in decisions]
    if undecided:
        raise Undecided(
            gettext_noop("Choose for %(names)s: hand over or disconnect.") % {"names": ", ".join(undecided[:5])}
        )
    heirs = {heir.pk for heir in heirs_of(membership)}
    for connection in owned:
        to = decisions[connection.pk]
        if to and not may_hand_over(actor, connection):
            raise NotAllowed(
                gettext_noop("%(connection)s is personal to %(owner)s: it can only be disconnected.")
                % {"connection": connection.name, "owner": connection.owner}
            )
        if to and to not in heirs:
            raise InvalidInput(
                [
                    (
                        str(connection.pk),
                        gettext_noop("Choose another member of the team for %(connection)s.")
                        % {"connection": connection.name},
                    )
                ]
            )
    return owned
