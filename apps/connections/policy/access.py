"""Who may see, use, manage and hand over a connection: pure predicates over an actor, a connection and its shares.

`ABILITIES` lists all of them, in the order of the README's table, which a test writes from here.
"""

from collections.abc import Callable

from apps.connections.models import Connection, Level
from apps.teams.actor import Actor

RANK = {Level.USE: 1, Level.VIEW: 2, Level.MANAGE: 3}


def level_of(actor: Actor, connection: Connection) -> Level | None:
    """The permission level that the actor holds on a connection; None: it does not exist for them.

    Its owner and the team's admins manage it; others hold the higher of everyone's level and their own.
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
    """It stands in the lists that the actor sees, with its name, account and status."""
    return level_of(actor, connection) is not None


def may_use(actor: Actor, connection: Connection) -> bool:
    """Requests may be sent through it. A personal connection is used by its owner alone, admins included."""
    if connection.is_shared:
        return level_of(actor, connection) is not None
    return not actor.is_service and may_see(actor, connection) and is_owner(actor, connection)


def may_view(actor: Actor, connection: Connection) -> bool:
    """Its configuration, permissions, sharing, activity and workflows are shown."""
    return level_of(actor, connection) in (Level.VIEW, Level.MANAGE)


def may_manage(actor: Actor, connection: Connection) -> bool:
    """It may be renamed, refreshed, reconnected and disconnected."""
    return level_of(actor, connection) == Level.MANAGE


def may_share(actor: Actor, connection: Connection) -> bool:
    """Who uses it may be changed. A personal one is shared by its owner alone: an admin who could, could use it."""
    return may_manage(actor, connection) and (connection.is_shared or is_owner(actor, connection))


def may_hand_over(actor: Actor, connection: Connection) -> bool:
    """It may get another owner: by its owner, and while it is shared by the team's admins. A key never does that."""
    if actor.api_key is not None or not may_share(actor, connection):
        return False
    return is_owner(actor, connection) or actor.is_admin


def may_take_token(actor: Actor, connection: Connection) -> bool:
    """The raw access token may be handed out: for service keys, and to members for their own grants only.

    What was handed over is another person's grant until its new owner reconnects it.
    """
    own_grant = is_owner(actor, connection) and not connection.handed_over_from
    return may_use(actor, connection) and (actor.is_service or own_grant)


def is_owner(actor: Actor, connection: Connection) -> bool:
    """It belongs to the member who acts."""
    return actor.user is not None and not actor.is_service and connection.owner_id == actor.user.pk


# What each completes: "may …".
ABILITIES: dict[str, Callable[[Actor, Connection], bool]] = {
    "see its name, account and status": may_see,
    "use it in workflows": may_use,
    "see its configuration, permissions, sharing and activity": may_view,
    "rename, refresh, reconnect and disconnect it": may_manage,
    "share it, withdraw it, change levels": may_share,
    "hand it over to another member": may_hand_over,
    "take the raw token": may_take_token,
}
