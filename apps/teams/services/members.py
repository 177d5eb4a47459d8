"""Adding members, changing roles, removing members, leaving."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop, ngettext

from apps.audit.origin import Target
from apps.audit.services import record
from apps.errors import NotAllowed, NotFound
from apps.teams import permissions
from apps.teams.actor import Actor
from apps.teams.errors import AlreadyMember, LastOwner, OwnsConnections, ServiceKeysUndecided
from apps.teams.models import ApiKey, Membership, Role, ServiceKeys, User
from apps.teams.permissions import Action
from apps.teams.querysets import service_keys_of
from apps.teams.services.api_keys import revoke
from apps.teams.services.teams import locked_team
from apps.teams.signals import membership_ending


@transaction.atomic
def add_member(*, actor: Actor, user: User, role: Role) -> Membership:
    """Add a member without an invitation, as operators do. Raises NotAllowed, AlreadyMember."""
    permissions.require(actor, Action.INVITE)
    if role not in permissions.assignable_roles(actor):
        raise NotAllowed(gettext("Only owners can make a member an owner."))
    team = locked_team(actor)
    membership, is_new = Membership.objects.get_or_create(team=team, user=user, defaults={"role": role})
    if not is_new:
        raise AlreadyMember(gettext_noop("%(user)s is already a member of %(team)s.") % {"user": user, "team": team})
    target = target_of(membership)
    record(action="member.joined", origin=actor.origin, team_id=team.pk, target=target, role=role.value)
    return membership


@transaction.atomic
def change_role(*, actor: Actor, membership_id: int, role: Role, service_keys: ServiceKeys | None = None) -> Membership:
    """Change a member's role. `service_keys` is for those that a demoted admin or owner created.

    Raises NotAllowed (for members, and for admins who change an owner), NotFound (another team's), LastOwner,
    ServiceKeysUndecided.
    """
    permissions.require(actor, Action.CHANGE_ROLES)
    membership = _member_of_own_team(actor, membership_id)
    _require_may_manage(actor, membership)
    if role not in permissions.assignable_roles(actor):
        raise NotAllowed(gettext("Only owners can make a member an owner."))
    if membership.role == role:
        return membership
    _keep_an_owner(membership)
    if role == Role.MEMBER:
        _settle_service_keys(actor, membership, service_keys)
    before, membership.role = membership.role, role
    membership.save(update_fields=["role"])
    record(
        action="member.role_changed",
        origin=actor.origin,
        team_id=membership.team_id,
        target=target_of(membership),
        before=before,
        after=role.value,
    )
    return membership


@transaction.atomic
def remove_member(*, actor: Actor, membership_id: int, service_keys: ServiceKeys | None = None) -> Membership:
    """Remove a member and revoke their personal API keys of the team.

    Raises NotAllowed (for members, and for admins who remove an owner), NotFound, LastOwner, OwnsConnections,
    ServiceKeysUndecided.
    """
    membership = removable(actor=actor, membership_id=membership_id)
    _end(actor, membership, verb="removed", service_keys=service_keys)
    return membership


@transaction.atomic
def removable(*, actor: Actor, membership_id: int) -> Membership:
    """A membership that the actor may end, apart from its connections. Raises NotAllowed, NotFound, LastOwner."""
    permissions.require(actor, Action.REMOVE_MEMBERS)
    membership = _member_of_own_team(actor, membership_id)
    _require_may_manage(actor, membership)
    _keep_an_owner(membership)
    return membership


@transaction.atomic
def leave(*, actor: Actor, service_keys: ServiceKeys | None = None) -> Membership:
    """Leave the team. Raises NotFound, LastOwner, OwnsConnections, ServiceKeysUndecided."""
    membership = leavable(actor=actor)
    _end(actor, membership, verb="left", service_keys=service_keys)
    return membership


@transaction.atomic
def leavable(*, actor: Actor) -> Membership:
    """The actor's membership, if it may end apart from its connections. Raises NotFound, LastOwner."""
    locked_team(actor)
    membership = Membership.objects.select_related("user", "team").filter(team=actor.team, user=actor.user).first()
    if membership is None:
        raise NotFound(gettext("You are no longer a member of this team."))
    _keep_an_owner(membership)
    return membership


def target_of(membership: Membership) -> Target:
    return Target(type="user", id=str(membership.user_id), label=str(membership.user))


def _member_of_own_team(actor: Actor, membership_id: int) -> Membership:
    team = locked_team(actor)
    membership = Membership.objects.select_related("user", "team").filter(team=team, pk=membership_id).first()
    if membership is None:
        raise NotFound(gettext("This team has no such member."))
    return membership


def _require_may_manage(actor: Actor, membership: Membership) -> None:
    if not permissions.may_manage_member(actor, membership.role):
        raise NotAllowed(gettext("Only owners can change or remove owners."))


def _keep_an_owner(membership: Membership) -> None:
    others = Membership.objects.filter(team=membership.team_id, role=Role.OWNER).exclude(pk=membership.pk)
    if membership.role == Role.OWNER and not others.exists():
        raise LastOwner


def require_decision(membership: Membership, service_keys: ServiceKeys | None) -> list[ApiKey]:
    """The member's service keys. Raises ServiceKeysUndecided if there are any without a decision."""
    created = list(service_keys_of(membership))
    if created and service_keys is None:
        names = ", ".join(key.name for key in created[:5])
        raise ServiceKeysUndecided(
            gettext("Keep or revoke the service keys that %(person)s created: %(names)s.")
            % {"person": membership.user, "names": names}
        )
    return created


def _settle_service_keys(actor: Actor, membership: Membership, decision: ServiceKeys | None) -> None:
    for api_key in require_decision(membership, decision):
        if decision == ServiceKeys.REVOKE:
            revoke(api_key, actor=actor)


def _owns(membership: Membership, count: int, *, is_self: bool) -> str:
    if is_self:
        sentence = ngettext(
            "You still own %(n)s connection in this team. Hand them over or disconnect them first.",
            "You still own %(n)s connections in this team. Hand them over or disconnect them first.",
            count,
        )
    else:
        sentence = ngettext(
            "%(person)s still owns %(n)s connection in this team. Hand them over or disconnect them first.",
            "%(person)s still owns %(n)s connections in this team. Hand them over or disconnect them first.",
            count,
        )
    return sentence % {"person": membership.user, "n": count}


def _end(actor: Actor, membership: Membership, *, verb: str, service_keys: ServiceKeys | None) -> None:
    owned = membership.user.connections.filter(team=membership.team_id).count()
    if owned:
        raise OwnsConnections(_owns(membership, owned, is_self=verb == "left"), connections=owned)
    _settle_service_keys(actor, membership, service_keys)
    revoked = ApiKey.objects.filter(
        team=membership.team_id, user=membership.user_id, kind=ApiKey.Kind.PERSONAL, revoked_at=None
    ).update(revoked_at=timezone.now())
    target, team_id = target_of(membership), membership.team_id
    membership_ending.send(Membership, membership=membership, origin=actor.origin)
    membership.delete()
    record(
        action="member.removed", origin=actor.origin, team_id=team_id, target=target, how=verb, api_keys_revoked=revoked
    )
