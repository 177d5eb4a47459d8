"""Who does something, within which team: the one object that doors make and services take."""

from dataclasses import dataclass, field, replace

from apps.audit.origin import Origin
from apps.teams.models import ApiKey, Membership, Role, Team, User


@dataclass(frozen=True)
class Actor:
    """A member (by browser session or personal key), a team's service key, or the system itself.

    `scopes` are those of the API key; None means a browser session, which may do all that its member may.
    """

    team: Team | None
    user: User | None = None
    role: Role | None = None
    api_key: ApiKey | None = None
    scopes: frozenset[str] | None = None
    origin: Origin = field(default_factory=lambda: Origin(kind="system", id="", label="Specway"))

    @property
    def label(self) -> str:
        return self.origin.label

    @property
    def is_service(self) -> bool:
        return self.api_key is not None and self.api_key.kind == ApiKey.Kind.SERVICE

    @property
    def is_admin(self) -> bool:
        """Owners and admins: they manage what the team shares. A service key never is one."""
        return not self.is_service and self.role in (Role.OWNER, Role.ADMIN)

    @property
    def is_owner(self) -> bool:
        return not self.is_service and self.role == Role.OWNER

    def has_scope(self, scope: str) -> bool:
        return self.scopes is None or scope in self.scopes


def member_actor(membership: Membership, *, origin: Origin | None = None) -> Actor:
    """The actor that a member is. `origin` (kind, address, browser) comes from the door; without one only the name."""
    who = origin or Origin(kind="user", id="", label="")
    return Actor(
        team=membership.team,
        user=membership.user,
        role=Role(membership.role),
        origin=replace(who, id=str(membership.user_id), label=str(membership.user)),
    )


def service_actor(api_key: ApiKey, *, origin: Origin) -> Actor:
    """The actor that a team's service key is: nobody's role, only its scopes."""
    return Actor(
        team=api_key.team,
        api_key=api_key,
        scopes=frozenset(api_key.scopes),
        origin=replace(origin, kind="service", id=str(api_key.pk), label=api_key.name),
    )


def key_holder_actor(api_key: ApiKey, role: Role, *, origin: Origin) -> Actor:
    """The actor that a personal key is: its member, who has that role, within the key's scopes."""
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
    """An operator, in the administration or at the command line, who may do in a team what its owners may."""
    return Actor(team=team, role=Role.OWNER, origin=origin)


def system_actor(team: Team | None = None) -> Actor:
    """The actor of scheduled work."""
    return Actor(team=team)
