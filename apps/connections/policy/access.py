"""Who may see, use, manage and hand over a connection: pure predicates on an actor, a connection and its shares.

`ABILITIES` lists all of them, in the order of the README's table, which a test generates from it.
"""

from collections.abc import Callable

from apps.connections.models import Connection, Level
from apps.teams.actor import Actor

RANK = {Level.USE: 1, Level.VIEW: 2, Level.MANAGE: 3}


def level_of(actor: Actor, connection: Connection) -> Level | None:
    """The actor's permission level on a connection; None if the actor may not see it.

    Its owner and the team's admins manage it; others have the higher of everyone's level and their own.
    """
    if actor.team is None or connection.team_id != actor.team.pk:
        return None
    if not actor.is_service and (is_owner(actor, connection) or actor.is_admin):
        return Level.MANAGE
    if not connection.is_shared:
        return None
    user_id = None if actor.is_service or actor.user is None else actor.user.pk
    levels = [Level(share.level) for share in connection.shares.all() if share.user_id in (None, user_id)]
    return max(levels, key=RANK.__getitem__, default=None)


def may_see(actor: Actor, connection: Connection) -> bool:
    """Whether the actor sees its name, account and status in lists."""
    return level_of(actor, connection) is not None


def may_use(actor: Actor, connection: Connection) -> bool:
    """Whether the actor may send requests through it. A personal connection is for its owner only, not for admins."""
    if connection.is_shared:
        return level_of(actor, connection) is not None
    return not actor.is_service and may_see(actor, connection) and is_owner(actor, connection)


def may_check(actor: Actor, connection: Connection) -> bool:
    """Whether the actor may have a call made that shows whether it works."""
    return may_use(actor, connection) or may_manage(actor, connection)


def may_view(actor: Actor, connection: Connection) -> bool:
    """Whether the actor sees its configuration, permissions, sharing, activity and workflows."""
    return level_of(actor, connection) in (Level.VIEW, Level.MANAGE)


def may_manage(actor: Actor, connection: Connection) -> bool:
    """Whether the actor may rename, refresh, reconnect and disconnect it."""
    return level_of(actor, connection) == Level.MANAGE


def may_share(actor: Actor, connection: Connection) -> bool:
    """Whether the actor may share it. A personal one only by its owner: an admin could use it otherwise."""
    return may_manage(actor, connection) and (connection.is_shared or is_owner(actor, connection))


def may_hand_over(actor: Actor, connection: Connection) -> bool:
    """Whether the actor may hand it over: its owner, or an admin while it is shared. API keys cannot."""
    if actor.api_key is not None or not may_share(actor, connection):
        return False
    return is_owner(actor, connection) or actor.is_admin


def may_take_token(actor: Actor, connection: Connection) -> bool:
    """Whether the actor may get the raw access token: service keys, and members for their own grants.

    A handed-over connection uses another person's grant until its new owner reconnects it.
    """
    own_grant = is_owner(actor, connection) and not connection.handed_over_from
    return may_use(actor, connection) and (actor.is_service or own_grant)


def is_owner(actor: Actor, connection: Connection) -> bool:
    """Whether the actor is the member who owns it."""
    return actor.user is not None and not actor.is_service and connection.owner_id == actor.user.pk


# Each completes the phrase "may …".
ABILITIES: dict[str, Callable[[Actor, Connection], bool]] = {
    "see its name, account and status": may_see,
    "use it in workflows": may_use,
    "see its configuration, permissions, sharing and activity": may_view,
    "rename, refresh, reconnect and disconnect it": may_manage,
    "share it, withdraw it, change levels": may_share,
    "hand it over to another member": may_hand_over,
    "take the raw token": may_take_token,
}
