"""Who may see, use and manage a connection: pure predicates over an actor, a connection and its shares."""

from apps.connections.models import Connection, Level
from apps.teams.actor import Actor

_RANK = {Level.USE: 1, Level.VIEW: 2, Level.MANAGE: 3}


def level_of(actor: Actor, connection: Connection) -> Level | None:
    """The permission level that the actor holds on a connection; None: it does not exist for them.

    Its owner and the team's admins manage it; others hold the higher of everyone's level and their own.
    """
    if actor.team is None or connection.team_id != actor.team.pk:
        return None
    if not actor.is_service and (_is_owner(actor, connection) or actor.is_admin):
        return Level.MANAGE
    if not connection.is_shared:
        return None
    user_id = None if actor.is_service or actor.user is None else actor.user.pk
    levels = [Level(share.level) for share in connection.shares.all() if share.user_id in (None, user_id)]
    return max(levels, key=_RANK.__getitem__, default=None)


def may_see(actor: Actor, connection: Connection) -> bool:
    """It stands in the lists that the actor sees."""
    return level_of(actor, connection) is not None


def may_use(actor: Actor, connection: Connection) -> bool:
    """Requests may be sent through it. A personal connection is used by its owner alone, admins included."""
    if connection.is_shared:
        return level_of(actor, connection) is not None
    return not actor.is_service and may_see(actor, connection) and _is_owner(actor, connection)


def may_manage(actor: Actor, connection: Connection) -> bool:
    """It may be refreshed, reconnected, shared and disconnected."""
    return level_of(actor, connection) == Level.MANAGE


def may_take_token(actor: Actor, connection: Connection) -> bool:
    """The raw access token may be handed out: for service keys, and to members for their own connections only."""
    return may_use(actor, connection) and (actor.is_service or _is_owner(actor, connection))


def _is_owner(actor: Actor, connection: Connection) -> bool:
    return actor.user is not None and connection.owner_id == actor.user.pk
