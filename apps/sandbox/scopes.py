"""The scopes that a client may request."""

from typing import NamedTuple


class Scope(NamedTuple):
    name: str
    label: str
    access: str  # read, write or admin


# Least powerful first: the order of the consent page. Scenarios remove scopes from the end.
SCOPES = (
    Scope("profile", "See your name and e-mail address", "read"),
    Scope("messages:read", "Read your messages", "read"),
    Scope("messages:write", "Post messages for you", "write"),
    Scope("workspace:admin", "Manage the whole workspace and its members", "admin"),
)

LABELS = {scope.name: scope.label for scope in SCOPES}


def in_order(names: list[str] | set[str]) -> list[str]:
    """The known scopes among `names`, least powerful first."""
    return [scope.name for scope in SCOPES if scope.name in names]
