"""With whom a connection is shared, as a value, and who loses access when it changes. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from apps.connections.models import Connection, Level
from apps.connections.policy.access import RANK

# The description of each level, wherever one is chosen or displayed.
LEVEL_SENTENCES = {
    Level.USE: _("Pick it in workflows and run them."),
    Level.VIEW: _("Also see its configuration and activity."),
    Level.MANAGE: _("Also edit, reconnect, share and disconnect it."),
}


@dataclass(frozen=True)
class Sharing:
    """The level of everyone, and of members by ID. Without either, the connection is personal."""

    everyone: Level | None = None
    members: Mapping[UUID, Level] = field(default_factory=dict)

    @property
    def is_shared(self) -> bool:
        return self.everyone is not None or bool(self.members)

    def level_for(self, user_id: UUID | None) -> Level | None:
        """The higher of everyone's level and the member's own. For a service key (no member), everyone's."""
        own = self.members.get(user_id) if user_id else None
        levels = [level for level in (self.everyone, own) if level is not None]
        return max(levels, key=RANK.__getitem__, default=None)

    def gives(self, user_id: UUID | None, level: Level) -> bool:
        """Whether a member, or everyone (None), has at least this level."""
        has = self.level_for(user_id)
        return has is not None and RANK[has] >= RANK[level]


PERSONAL = Sharing()


@dataclass(frozen=True)
class Loss:
    """A member whose level decreases; `after` None: access ends."""

    user_id: UUID
    name: str
    before: Level
    after: Level | None


def sharing_of(connection: Connection) -> Sharing:
    """How the connection is shared now. Queries its shares unless they are prefetched."""
    if not connection.is_shared:
        return PERSONAL
    shares = list(connection.shares.all())
    everyone = next((Level(share.level) for share in shares if share.user_id is None), None)
    return Sharing(everyone, {share.user_id: Level(share.level) for share in shares if share.user_id is not None})


def losses(before: Sharing, after: Sharing, people: Iterable[tuple[UUID, str]]) -> list[Loss]:
    """Those of `people` (ID and name of members without other access) whose level decreases."""
    lost = []
    for user_id, name in people:
        had, has = before.level_for(user_id), after.level_for(user_id)
        if had is not None and (has is None or RANK[has] < RANK[had]):
            lost.append(Loss(user_id, name, had, has))
    return lost


def in_words(sharing: Sharing, names: Mapping[UUID, str]) -> str:
    """As text for the audit log: "everyone: use, Ines Achterberg: manage", or "personal"."""
    parts = [f"everyone: {sharing.everyone.value}"] if sharing.everyone else []
    parts += sorted(f"{names.get(user_id, user_id)}: {level.value}" for user_id, level in sharing.members.items())
    return ", ".join(parts) or "personal"
