"""What follows in the rooms above when somebody leaves a team: each says so once, as it starts."""

from collections.abc import Callable

from apps.audit.origin import Origin
from apps.teams.models import Membership

Follower = Callable[[Membership, Origin], None]
_followers: list[Follower] = []


def follow(follower: Follower) -> None:
    """Have `follower(membership, origin)` called before a membership ends, in the transaction in which it does."""
    if follower not in _followers:
        _followers.append(follower)


def tell(membership: Membership, *, origin: Origin) -> None:
    for follower in _followers:
        follower(membership, origin)
