"""How a connection is shared, as a value, and who loses what when that changes. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from apps.connections.models import Connection, Level
from apps.connections.policy.access import RANK

# One sentence each, the same wherever a level is chosen or shown.
LEVEL_SENTENCES = {
    Level.USE: "Pick it in workflows and run them.",
    Level.VIEW: "Also see its configuration and activity.",
    Level.MANAGE: "Also edit, reconnect, share and disconnect it.",
}


@dataclass(frozen=True)
class Sharing:
    """Everyone's level, and those of members by their ID; neither: personal."""

    everyone: Level | None = None
    members: Mapping[UUID, Level] = field(default_factory=dict)

    @property
    def is_shared(self) -> bool:
        return self.everyone is not None or bool(self.members)

    def level_for(self, user_id: UUID | None) -> Level | None:
        """The higher of everyone's level and the member's own; without a member (a service key) everyone's."""
        own = self.members.get(user_id) if user_id else None
        levels = [level for level in (self.everyone, own) if level is not None]
        return max(levels, key=RANK.__getitem__, default=None)


PERSONAL = Sharing()


@dataclass(frozen=True)
class Loss:
    """Somebody who may do less than before; `after` None: nothing any more."""

    user_id: UUID
    name: str
    before: Level
    after: Level | None


def sharing_of(connection: Connection) -> Sharing:
    """How it is shared now. Its shares must be loaded with it, or are asked for."""
    if not connection.is_shared:
        return PERSONAL
    shares = list(connection.shares.all())
    everyone = next((Level(share.level) for share in shares if share.user_id is None), None)
    return Sharing(everyone, {share.user_id: Level(share.level) for share in shares if share.user_id is not None})


def losses(before: Sharing, after: Sharing, people: Iterable[tuple[UUID, str]]) -> list[Loss]:
    """Who of `people` (ID and name of members who hold no more than their share) may do less afterwards."""
    lost = []
    for user_id, name in people:
        had, has = before.level_for(user_id), after.level_for(user_id)
        if had is not None and (has is None or RANK[has] < RANK[had]):
            lost.append(Loss(user_id, name, had, has))
    return lost


def in_words(sharing: Sharing, names: Mapping[UUID, str]) -> str:
    """For the log: "everyone: use, Ines Achterberg: manage"; "personal"."""
    parts = [f"everyone: {sharing.everyone.value}"] if sharing.everyone else []
    parts += sorted(f"{names.get(user_id, user_id)}: {level.value}" for user_id, level in sharing.members.items())
    return ", ".join(parts) or "personal"
