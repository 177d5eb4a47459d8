"""Sharing with members of the team, at a level each; taking it back; handing a connection over to another owner."""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction

from apps.audit.origin import Origin
from apps.audit.services import record
from apps.connections.models import Connection, ConnectionShare, Level, Status
from apps.connections.policy.access import may_hand_over, may_share, may_view
from apps.connections.policy.sharing import PERSONAL, Sharing, in_words, sharing_of
from apps.connections.services.status import target_of
from apps.errors import NotAllowed, NotFound
from apps.integrations.errors import InvalidInput
from apps.teams.actor import Actor
from apps.teams.models import Membership, User
from apps.teams.services.teams import locked_team


@transaction.atomic
def share(
    *, actor: Actor, connection: Connection, everyone: Level | None, members: Mapping[UUID, Level] | None = None
) -> Connection:
    """Shared with exactly these from now on: everyone in the team at a level, members (by their ID) at their own.

    Raises NotFound, NotAllowed (who may not share it), InvalidInput (nobody named, no member of the team, its owner).
    """
    held = _held(actor, connection)
    wanted = Sharing(everyone, dict(members or {}))
    if not wanted.is_shared:
        raise InvalidInput([("members", "Choose at least one member, or everyone in the team.")])
    _check_members(held, wanted)
    return _store(held, wanted, origin=actor.origin)


@transaction.atomic
def unshare(*, actor: Actor, connection: Connection) -> Connection:
    """Personal from now on: only its owner uses it. Raises NotFound, NotAllowed."""
    return _store(_held(actor, connection), PERSONAL, origin=actor.origin)


@transaction.atomic
def transfer(*, actor: Actor, connection: Connection, to: UUID) -> Connection:
    """Another member's from now on. Until somebody reconnects it, it goes on with the former owner's grant.

    Raises NotFound, NotAllowed, and InvalidInput for somebody who is no other member of the team.
    """
    held = _held(actor, connection)
    if not may_hand_over(actor, held):
        raise NotAllowed(f"Only its owner, and admins while it is shared, can hand {held.name} over.")
    member = Membership.objects.select_related("user").filter(team=held.team_id, user=to, user__is_active=True).first()
    if member is None or to == held.owner_id:
        raise InvalidInput([("owner", "Choose another member of the team.")])
    before = held.owner
    returns = held.handed_over_by_id == to
    held.owner = member.user
    held.handed_over_from = "" if returns else held.handed_over_from or str(before)[:250]
    held.handed_over_by = None if returns else held.handed_over_by or before
    held.save(update_fields=["owner", "handed_over_from", "handed_over_by"])
    ConnectionShare.objects.filter(connection=held, user=to).delete()
    _make_personal_if_nobody_is_left(held, origin=actor.origin)
    record(
        action="connection.handed_over",
        origin=actor.origin,
        team_id=held.team_id,
        target=target_of(held),
        before=str(before),
        after=str(member.user),
    )
    return held


def forget_member(membership: Membership, origin: Origin) -> None:
    """Take back what was shared with somebody who leaves the team, within the transaction in which they do."""
    shares = ConnectionShare.objects.filter(user=membership.user_id, connection__team=membership.team_id)
    connections = list(Connection.objects.filter(pk__in=shares.values("connection")).select_related("integration"))
    shares.delete()
    for connection in connections:
        _make_personal_if_nobody_is_left(connection, origin=origin)


def _held(actor: Actor, connection: Connection) -> Connection:
    """The connection as it stands now, held to the end of the transaction, for an actor who may share it.

    The team is locked first, as leaving it does: nobody who is just going is shared with.
    """
    locked_team(actor)
    found = Connection.objects.select_for_update(of=("self",)).select_related("integration", "owner", "team")
    held = found.filter(pk=connection.pk, team=actor.team).exclude(status=Status.DISCONNECTING).first()
    if held is None or not _sees(actor, held):
        raise NotFound("There is no such connection, or it is not shared with you.")
    if not may_share(actor, held):
        raise NotAllowed(refusal(actor, held))
    return held


def _sees(actor: Actor, connection: Connection) -> bool:
    """As the database has it, whatever the caller read before."""
    return Connection.objects.visible_to(actor).filter(pk=connection.pk).exists()


def refusal(actor: Actor, connection: Connection) -> str:
    """Why the actor may not share it."""
    if not connection.is_shared and may_view(actor, connection):
        return f"{connection.name} is personal: only its owner, {connection.owner}, can share it."
    return f"Only those who manage the connection {connection.name} can share it."


def _check_members(connection: Connection, sharing: Sharing) -> None:
    if connection.owner_id in sharing.members:
        raise InvalidInput([("members", f"{connection.owner} owns the connection and manages it anyway.")])
    known = Membership.objects.filter(team=connection.team_id, user__in=sharing.members).values_list("user", flat=True)
    unknown = sorted(str(user_id) for user_id in set(sharing.members) - set(known))
    if unknown:
        raise InvalidInput([("members", f"Nobody in this team has the ID {unknown[0]}.")])


def _store(connection: Connection, wanted: Sharing, *, origin: Origin) -> Connection:
    before = sharing_of(connection)
    if before == wanted and connection.is_shared == wanted.is_shared:
        return connection
    was_shared, connection.is_shared = connection.is_shared, wanted.is_shared
    connection.save(update_fields=["is_shared"])
    connection.shares.all().delete()
    levels: list[tuple[UUID | None, Level]] = [*wanted.members.items()]
    if wanted.everyone is not None:
        levels.append((None, wanted.everyone))
    ConnectionShare.objects.bulk_create(
        ConnectionShare(connection=connection, user_id=user_id, level=level) for user_id, level in levels
    )
    names = {user.pk: str(user) for user in User.objects.filter(pk__in=[*before.members, *wanted.members])}
    if not wanted.is_shared:
        action = "connection.unshared"
    else:
        action = "connection.sharing_changed" if was_shared else "connection.shared"
    record(
        action=action,
        origin=origin,
        team_id=connection.team_id,
        target=target_of(connection),
        before=in_words(before, names),
        after=in_words(wanted, names),
    )
    return connection


def _make_personal_if_nobody_is_left(connection: Connection, *, origin: Origin) -> None:
    """Shared with nobody by name would still mean shared with the admins."""
    if connection.is_shared and not connection.shares.exists():
        _store(connection, PERSONAL, origin=origin)
