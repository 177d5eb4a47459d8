"""The actor of a request or task: who acts, and in which team. Entry points create it, services take it."""

from dataclasses import dataclass, field, replace

from apps.audit.origin import Origin
from apps.teams.models import ApiKey, Membership, Role, Team, User


@dataclass(frozen=True)
class Actor:
    """A member (by browser session or personal key), a team's service key, an operator, or the system.

    `scopes` are those of the API key; None (a browser session) does not restrict the member's permissions.
    """

    team: Team | None
    user: User | None = None
    role: Role | None = None
    api_key: ApiKey | None = None
    scopes: frozenset[str] | None = None
    origin: Origin = field(default_factory=lambda: Origin(kind="system", id="", label="Specway"))
    # A browser token of the API key, not the key itself.
    by_browser_token: bool = False

    @property
    def label(self) -> str:
        return self.origin.label

    @property
    def is_service(self) -> bool:
        return self.api_key is not None and self.api_key.kind == ApiKey.Kind.SERVICE

    @property
    def is_admin(self) -> bool:
        """Whether the actor is an owner or admin. False for service keys."""
        return not self.is_service and self.role in (Role.OWNER, Role.ADMIN)

    @property
    def is_owner(self) -> bool:
        return not self.is_service and self.role == Role.OWNER

    def has_scope(self, scope: str) -> bool:
        return self.scopes is None or scope in self.scopes


def member_actor(membership: Membership, *, origin: Origin | None = None) -> Actor:
    """A member. `origin` (kind, address, browser) comes from the request; without one, only the name is recorded."""
    who = origin or Origin(kind="user", id="", label="")
    return Actor(
        team=membership.team,
        user=membership.user,
        role=Role(membership.role),
        origin=replace(who, id=str(membership.user_id), label=str(membership.user)),
    )


def service_actor(api_key: ApiKey, *, origin: Origin) -> Actor:
    """A team's service key: no role, only its scopes."""
    return Actor(
        team=api_key.team,
        api_key=api_key,
        scopes=frozenset(api_key.scopes),
        origin=replace(origin, kind="service", id=str(api_key.pk), label=api_key.name),
    )


def key_holder_actor(api_key: ApiKey, role: Role, *, origin: Origin) -> Actor:
    """The member of a personal key, with the role `role`, restricted to the key's scopes."""
    label = f"{api_key.user} (key {api_key.name})"
    return Actor(
        team=api_key.team,
        user=api_key.user,
        role=role,
        api_key=api_key,
        scopes=frozenset(api_key.scopes),
        origin=replace(origin, kind="user", id=str(api_key.user_id), label=label),
    )


def operator_actor(team: Team, *, origin: Origin) -> Actor:
    """An operator, in the admin or at the command line, with the permissions of a team's owner."""
    return Actor(team=team, role=Role.OWNER, origin=origin)


def system_actor(team: Team | None = None) -> Actor:
    """The actor of scheduled tasks."""
    return Actor(team=team)
