"""What a client may ask for at the sandbox: the scopes, in words."""

from typing import NamedTuple


class Scope(NamedTuple):
    name: str
    words: str
    access: str  # read, write or admin: the badge on the consent page


# From the most to the least harmless: the consent page shows this order, and what is taken away goes from the end.
SCOPES = (
    Scope("profile", "See your name and e-mail address", "read"),
    Scope("messages:read", "Read your messages", "read"),
    Scope("messages:write", "Post messages for you", "write"),
    Scope("workspace:admin", "Manage the whole workspace and its members", "admin"),
)

WORDS = {scope.name: scope.words for scope in SCOPES}


def in_order(names: list[str] | set[str]) -> list[str]:
    """Those of `names` that exist here, from the most harmless to the most powerful."""
    return [scope.name for scope in SCOPES if scope.name in names]
