"""The state of a connection as people and programs see it: Working, Not verified yet, or Needs attention. Pure."""

from datetime import datetime
from enum import StrEnum

from django.db.models import OuterRef, Q
from django.utils.translation import gettext_lazy as _

from apps.connections.models import Connection, Credential, Status, TokenSet
from apps.connections.policy.outlook import last_verified_at
from apps.sql import exists_for_row


class State(StrEnum):
    """The values in the API and in webhooks."""

    WORKING = "active"
    UNVERIFIED = "unverified"
    NEEDS_ATTENTION = "needs_attention"
    DISCONNECTING = "disconnecting"

    @property
    def label(self) -> str:
        """As on pages."""
        return str(_LABELS[self])

    @property
    def kind(self) -> str:
        """The icon and color of the status: good, idle or bad."""
        return _KINDS[self]


_LABELS = {
    State.WORKING: _("Working"),
    State.UNVERIFIED: _("Not verified yet"),
    State.NEEDS_ATTENTION: _("Needs attention"),
    State.DISCONNECTING: _("Disconnecting"),
}
_KINDS = {
    State.WORKING: "good",
    State.UNVERIFIED: "idle",
    State.NEEDS_ATTENTION: "bad",
    State.DISCONNECTING: "idle",
}

# Nothing has shown yet that the service accepts it: no token was issued, no key verified, no call succeeded.
_NEVER_VERIFIED = (
    Q(verified_at=None)
    & ~exists_for_row(TokenSet.objects.filter(connection=OuterRef("pk")))
    & ~exists_for_row(Credential.objects.filter(connection=OuterRef("pk"), checked_at__isnull=False))
)

# The connections in each state, as conditions for a query.
IN_STATE = {
    State.WORKING: Q(status=Status.ACTIVE) & ~_NEVER_VERIFIED,
    State.UNVERIFIED: Q(status=Status.ACTIVE) & _NEVER_VERIFIED,
    State.NEEDS_ATTENTION: Q(status=Status.NEEDS_ATTENTION),
}


def state_of(connection: Connection) -> State:
    """The state of a connection whose token set and credential are loaded (`with_details`)."""
    if connection.status != Status.ACTIVE:
        return State(connection.status)
    return State.WORKING if last_verified_at(connection) else State.UNVERIFIED


def verified_at(connection: Connection) -> datetime | None:
    """When the service last accepted a connection that works; None for any other."""
    return last_verified_at(connection) if connection.status == Status.ACTIVE else None
