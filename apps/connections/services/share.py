"""Changing a connection: its name, with whom it is shared and at which level, and its owner."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_noop

from apps.audit.origin import Origin
from apps.audit.services import record
from apps.connections.models import Connection, ConnectionShare, Level, Status
from apps.connections.policy.access import may_hand_over, may_share, may_view
from apps.connections.policy.sharing import PERSONAL, Sharing, in_words, sharing_of
from apps.connections.services.status import emit_event, target_of
from apps.errors import NotAllowed, NotFound
from apps.integrations.errors import InvalidInput
from apps.notifications.models import Event
from apps.teams.actor import Actor
from apps.teams.models import Membership, User
from apps.teams.services.teams import locked_team


@transaction.atomic
def rename(*, actor: Actor, connection: Connection, name: str) -> None:
    """Change its name. Raises InvalidInput for an empty or overlong one, or one of several lines."""
    wanted = name.strip()
    if not wanted or len(wanted) > 200 or not wanted.isprintable():
        raise InvalidInput([("name", gettext_noop("Enter a name of one line and at most 200 characters."))])
    if wanted == connection.name:
        return
    before, connection.name = connection.name, wanted
    connection.save(update_fields=["name"])
    record(
        action="connection.renamed",
        origin=actor.origin,
        team_id=connection.team_id,
        target=target_of(connection),
        before=before,
    )
    emit_event(Event.RENAMED, connection, before=before)


@transaction.atomic
def share(
    *, actor: Actor, connection: Connection, everyone: Level | None, members: Mapping[UUID, Level] | None = None
) -> Connection:
    """Share it with exactly these: everyone in the team at a level, and members (by ID) at a level each.

    Raises NotFound, NotAllowed, InvalidInput (no member given, not a member of the team, or its owner).
    """
    held = _held(actor, connection)
    wanted = Sharing(everyone, dict(members or {}))
    if not wanted.is_shared:
        raise InvalidInput([("members", gettext_noop("Choose at least one member, or everyone in the team."))])
    _check_members(held, wanted)
    return _store(held, wanted, origin=actor.origin)


@transaction.atomic
def share_with_everyone(*, actor: Actor, connection: Connection, level: Level) -> Connection:
    """Give everyone in the team at least this level; shares with members stay. Raises NotFound, NotAllowed."""
    held = _held(actor, connection)
    before = sharing_of(held)
    if before.gives(None, level):
        return held
    return _store(held, Sharing(level, before.members), origin=actor.origin)


@transaction.atomic
def share_with_members(*, actor: Actor, connection: Connection, members: Iterable[UUID], level: Level) -> Connection:
    """Give each of these members (by ID) at least this level; other shares stay. Raises NotFound, NotAllowed.

    Those who are no longer members, and its owner, are left out.
    """
    held = _held(actor, connection)
    before = sharing_of(held)
    of_team = Membership.objects.filter(team=held.team_id, user__in=list(members)).exclude(user=held.owner_id)
    lower = [user for user in of_team.values_list("user", flat=True) if not before.gives(user, level)]
    if not lower:
        return held
    return _store(
        held, Sharing(before.everyone, {**before.members, **dict.fromkeys(lower, level)}), origin=actor.origin
    )


@transaction.atomic
def unshare(*, actor: Actor, connection: Connection) -> Connection:
    """Make it personal, for its owner only. Raises NotFound, NotAllowed."""
    return _store(_held(actor, connection), PERSONAL, origin=actor.origin)


@transaction.atomic
def transfer(*, actor: Actor, connection: Connection, to: UUID) -> Connection:
    """Hand it over to another member. It uses the former owner's grant until it is reconnected.

    Raises NotFound, NotAllowed, and InvalidInput if `to` is not another member of the team.
    """
    held = _held(actor, connection)
    if not may_hand_over(actor, held):
        raise NotAllowed(
            gettext_noop("Only its owner, and admins while it is shared, can hand %(connection)s over.")
            % {"connection": held.name}
        )
    member = Membership.objects.select_related("user").filter(team=held.team_id, user=to, user__is_active=True).first()
    if member is None or to == held.owner_id:
        raise InvalidInput([("owner", gettext_noop("Choose another member of the team."))])
    before = held.owner
    returns = held.handed_over_by_id == to
    held.owner = member.user
    held.handed_over_from = "" if returns else held.handed_over_from or str(before)[:250]
    held.handed_over_by = None if returns else held.handed_over_by or before
    held.save(update_fields=["owner", "handed_over_from", "handed_over_by"])
    ConnectionShare.objects.filter(connection=held, user=to).delete()
    _make_personal_without_shares(held, origin=actor.origin)
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
    """Delete the shares of a member who leaves the team, in the caller's transaction."""
    shares = ConnectionShare.objects.filter(user=membership.user_id, connection__team=membership.team_id)
    connections = list(Connection.objects.filter(pk__in=shares.values("connection")).select_related("integration"))
    shares.delete()
    for connection in connections:
        _make_personal_without_shares(connection, origin=origin)


def _held(actor: Actor, connection: Connection) -> Connection:
    """The connection, locked until the end of the transaction, for an actor who may share it.

    The team is locked first, as leaving it does, so that it is not shared with a member who leaves at the same time.
    """
    locked_team(actor)
    rows = Connection.objects.select_for_update(of=("self",)).select_related("integration", "owner", "team")
    held = rows.filter(pk=connection.pk, team=actor.team).exclude(status=Status.DISCONNECTING).first()
    if held is None or not _sees(actor, held):
        raise NotFound(gettext_noop("There is no such connection, or it is not shared with you."))
    if not may_share(actor, held):
        raise NotAllowed(refusal(actor, held))
    return held


def _sees(actor: Actor, connection: Connection) -> bool:
    """Whether the actor can see it now, by the database."""
    return Connection.objects.visible_to(actor).filter(pk=connection.pk).exists()


def refusal(actor: Actor, connection: Connection) -> str:
    """The message that says why the actor may not share it."""
    if not connection.is_shared and may_view(actor, connection):
        return gettext_noop("%(connection)s is personal: only its owner, %(owner)s, can share it.") % {
            "connection": connection.name,
            "owner": connection.owner,
        }
    return gettext_noop("Only those who manage the connection %(connection)s can share it.") % {
        "connection": connection.name
    }


def _check_members(connection: Connection, sharing: Sharing) -> None:
    if connection.owner_id in sharing.members:
        raise InvalidInput(
            [
                (
                    "members",
                    gettext_noop("%(owner)s owns the connection and manages it already.") % {"owner": connection.owner},
                )
            ]
        )
    known = Membership.objects.filter(team=connection.team_id, user__in=sharing.members).values_list("user", flat=True)
    unknown = sorted(str(user_id) for user_id in set(sharing.members) - set(known))
    if unknown:
        raise InvalidInput(
            [("members", gettext_noop("No member of this team has the ID %(id)s.") % {"id": unknown[0]})]
        )


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
    members = {str(user_id): level.value for user_id, level in wanted.members.items()}
    emit_event(Event.SHARED, connection, everyone=wanted.everyone and wanted.everyone.value, members=members)
    return connection


def _make_personal_without_shares(connection: Connection, *, origin: Origin) -> None:
    """A shared connection without shares could still be used by admins."""
    if connection.is_shared and not connection.shares.exists():
        _store(connection, PERSONAL, origin=origin)
