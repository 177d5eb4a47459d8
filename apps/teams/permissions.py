"""The permission table of teams, by role, and the rules about owners."""

from enum import StrEnum

from django.utils.translation import gettext, gettext_noop

from apps.errors import NotAllowed
from apps.teams.actor import Actor
from apps.teams.models import Role

MEMBERS = frozenset(Role)
ADMINS = frozenset({Role.OWNER, Role.ADMIN})


class Action(StrEnum):
    """Each value completes the message "Only owners and admins of the team can …"."""

    CREATE_PERSONAL_KEYS = gettext_noop("create personal API keys")
    CREATE_SERVICE_KEYS = gettext_noop("create service keys")
    REVOKE_ANY_KEY = gettext_noop("revoke other members' keys")
    INVITE = gettext_noop("invite people and revoke invitations")
    CHANGE_ROLES = gettext_noop("change roles")
    REMOVE_MEMBERS = gettext_noop("remove members")
    RENAME_TEAM = gettext_noop("rename the team")
    MANAGE_OAUTH_APPS = gettext_noop("add, change, test and remove the team's own OAuth apps")
    MANAGE_CUSTOM_APIS = gettext_noop("add, change and delete the team's custom APIs")
    MANAGE_WEBHOOKS = gettext_noop("see and manage the team's webhooks")
    SEE_WHOLE_LOG = gettext_noop("see the team's whole audit log")


ALLOWED = {
    Action.CREATE_PERSONAL_KEYS: MEMBERS,
    Action.CREATE_SERVICE_KEYS: ADMINS,
    Action.REVOKE_ANY_KEY: ADMINS,
    Action.INVITE: ADMINS,
    Action.CHANGE_ROLES: ADMINS,
    Action.REMOVE_MEMBERS: ADMINS,
    Action.RENAME_TEAM: ADMINS,
    Action.MANAGE_OAUTH_APPS: ADMINS,
    Action.MANAGE_CUSTOM_APIS: ADMINS,
    Action.MANAGE_WEBHOOKS: ADMINS,
    Action.SEE_WHOLE_LOG: ADMINS,
}
# What a service key may do, by its scope. Only owners and admins create service keys.
BY_SCOPE = {
    Action.MANAGE_OAUTH_APPS: "oauth-apps:write",
    Action.MANAGE_CUSTOM_APIS: "integrations:write",
    Action.MANAGE_WEBHOOKS: "webhooks:write",
}


def may(actor: Actor, action: Action) -> bool:
    """Whether the actor's role allows the action. A service key has no role: it is allowed what its scopes name."""
    if actor.is_service:
        return action in BY_SCOPE and actor.has_scope(BY_SCOPE[action])
    return actor.role in ALLOWED[action]


def require(actor: Actor, action: Action) -> None:
    """Raises NotAllowed (403)."""
    if not may(actor, action):
        values = {"action": gettext(action)}
        if ALLOWED[action] == MEMBERS:
            raise NotAllowed(gettext("Only members of the team can %(action)s.") % values)
        raise NotAllowed(gettext("Only owners and admins of the team can %(action)s.") % values)


def assignable_roles(actor: Actor) -> list[Role]:
    """The roles that the actor may assign, lowest first. Only owners assign the role of owner."""
    if not may(actor, Action.CHANGE_ROLES):
        return []
    return [Role.MEMBER, Role.ADMIN, Role.OWNER] if actor.is_owner else [Role.MEMBER, Role.ADMIN]


def may_manage_member(actor: Actor, role: Role | str) -> bool:
    """Whether the actor may change the role of, or remove, a member with `role`. For owners, only owners may."""
    return may(actor, Action.CHANGE_ROLES) and (actor.is_owner or role != Role.OWNER)
