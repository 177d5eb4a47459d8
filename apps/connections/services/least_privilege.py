"""What a team's connections may do and nothing needs: permissions that no call used, and connections without calls."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, OuterRef, Q, QuerySet
from django.utils import timezone

from apps.connections.models import Connection, ScopeUse
from apps.connections.policy.permission_summary import UNUSED_DAYS, Permission, Permissions, permissions_of
from apps.connections.services.connection_params import provider_for_scope_names
from apps.errors import SpecwayError
from apps.integrations.catalog.entries import entry_for
from apps.integrations.models import KINDS_WITH_OAUTH_APP
from apps.sql import exists_for_row
from apps.teams.actor import Actor

# The number of connections that are compared with their calls: those whose calls named permissions most recently.
COMPARED = 1000


@dataclass(frozen=True)
class Narrowing:
    """A connection that could be reconnected with fewer permissions: `unneeded` would go, `stay` of `total` stay."""

    connection: Connection
    unneeded: list[Permission]
    stay: int

    @property
    def total(self) -> int:
        return self.stay + len(self.unneeded)


@dataclass(frozen=True)
class Unknown:
    """A service, and through how many of the team's connections to it no call named a permission."""

    name: str
    icon: str
    connections: int


@dataclass(frozen=True)
class Summary:
    """The narrowings, and numbers of permissions and connections. `compared` connections could be compared."""

    narrowings: list[Narrowing]
    compared: int
    permissions: int

    @property
    def unneeded(self) -> int:
        return sum(len(one.unneeded) for one in self.narrowings)

    @property
    def administrative(self) -> int:
        """How many of the unneeded permissions are administrative ones."""
        return sum(permission.access == "admin" for one in self.narrowings for permission in one.unneeded)


def permissions_of_connection(connection: Connection, *, days: int = UNUSED_DAYS) -> Permissions:
    """The connection's permissions; those that no call needed for `days` count as unneeded.

    Raises SpecwayError if its service can no longer be used.
    """
    entry = entry_for(connection.integration)
    return permissions_of(
        granted=connection.scopes_granted,
        requested=connection.scopes_requested,
        used={use.scope: use.last_used_at for use in connection.scope_use.all()},
        known={scope.name: scope for scope in entry.scopes},
        provider=provider_for_scope_names(connection),
        since=connection.created_at,
        now=timezone.now(),
        unused_days=days,
    )


def summary_of(actor: Actor, *, days: int) -> Summary:
    """Of the connections that the actor may see and whose calls named permissions, those that could be narrowed.

    The connections with the most unneeded permissions come first, administrative ones before others.
    """
    named = _with_oauth(actor).filter(exists_for_row(_uses()))
    rows = named.select_related("integration", "owner", "oauth_app").prefetch_related("scope_use", "shares")
    compared = list(rows.order_by(F("last_used_at").desc(nulls_last=True), "pk")[:COMPARED])
    judged = [(connection, known_permissions(connection, days=days)) for connection in compared]
    found = [(connection, permissions) for connection, permissions in judged if permissions]
    narrowings = [
        Narrowing(connection, permissions.unneeded, len(permissions.granted))
        for connection, permissions in found
        if permissions.unneeded and permissions.granted
    ]
    total = sum(len(permissions.granted) + len(permissions.unneeded) for _, permissions in found)
    return Summary(sorted(narrowings, key=_urgency), len(found), total)


def unknown_uses(actor: Actor) -> list[Unknown]:
    """The services whose connections cannot be compared, those with most connections first."""
    silent = _with_oauth(actor).exclude(exists_for_row(_uses()))
    counted = silent.values("integration__name", "integration__icon").annotate(number=Count("pk"))
    rows = counted.order_by("-number", "integration__name")
    return [Unknown(row["integration__name"], row["integration__icon"], row["number"]) for row in rows]


def unused_connections(actor: Actor, *, days: int) -> QuerySet[Connection]:
    """The connections that the actor may see, that exist for `days` and had no call since; longest unused first."""
    oldest = timezone.now() - timedelta(days=days)
    unused = Q(last_used_at=None) | Q(last_used_at__lt=oldest)
    visible = Connection.objects.visible_to(actor).filter(unused, created_at__lt=oldest)
    ordered = visible.order_by(F("last_used_at").asc(nulls_first=True), "created_at", "pk")
    return ordered.select_related("integration", "owner")


def unused_since(connection: Connection) -> datetime:
    """When the last call was; when it was connected, if there was none."""
    return connection.last_used_at or connection.created_at


def _with_oauth(actor: Actor) -> QuerySet[Connection]:
    return Connection.objects.visible_to(actor).filter(integration__kind__in=KINDS_WITH_OAUTH_APP)


def _uses() -> QuerySet[ScopeUse]:
    return ScopeUse.objects.filter(connection=OuterRef("pk"))


def known_permissions(connection: Connection, *, days: int = UNUSED_DAYS) -> Permissions | None:
    """As `permissions_of_connection`; None if the service of the connection can no longer be used."""
    try:
        return permissions_of_connection(connection, days=days)
    except SpecwayError:  # its service is no longer in the catalog: there is nothing to reconnect to
        return None


def _urgency(one: Narrowing) -> tuple[int, int, str]:
    administrative = sum(permission.access == "admin" for permission in one.unneeded)
    return (-administrative, -len(one.unneeded), one.connection.name.casefold())


def names_of(permissions: Iterable[Permission]) -> list[str]:
    """What the permissions allow, in words; the scope itself where the catalog has none."""
    return [f"{one.description} ({one.name})" if one.access else one.name for one in permissions]
