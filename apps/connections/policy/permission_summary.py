"""A connection's permissions in words: granted, missing, not needed; and what can be asked for. Pure but for `now`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.connections.policy import scopes as scope_sets
from apps.integrations.catalog.schema import Scope
from apps.oauth.provider import ProviderConfig

# After so long without a call that needs it, a permission counts as not needed.
UNUSED_AFTER = timedelta(days=90)
_UNKNOWN = "Not in the catalog"


@dataclass(frozen=True)
class Permission:
    """One scope. `note` says why it stands where it stands; `used_at` when a call last needed it."""

    name: str
    description: str
    access: str
    caution: str
    note: str = ""
    used_at: datetime | None = None


@dataclass(frozen=True)
class Permissions:
    """`speaks`: some call said which permissions it needs, so that one can tell which are not needed."""

    granted: list[Permission]
    missing: list[Permission]
    unneeded: list[Permission]
    speaks: bool

    @property
    def narrower(self) -> list[str]:
        """What to ask for without those that are not needed."""
        return [permission.name for permission in [*self.granted, *self.missing]]

    @property
    def wider(self) -> list[str]:
        """What to ask for so that nothing is missing."""
        return [permission.name for permission in [*self.granted, *self.unneeded, *self.missing]]


def permissions_of(
    *,
    granted: Iterable[str],
    requested: Iterable[str],
    used: Mapping[str, datetime],
    known: Mapping[str, Scope],
    provider: ProviderConfig,
    since: datetime,
    now: datetime,
) -> Permissions:
    """Three lists. `used`: when each scope was last needed by a call; `since`: since when the connection stands."""
    granted, requested = list(granted), list(requested)
    missing = set(scope_sets.missing(wanted=requested, granted=granted, provider=provider))
    asked = scope_sets.comparable(requested, provider)
    speaks = bool(used)
    lists: dict[str, list[Permission]] = {"granted": [], "unneeded": []}
    for name in granted:
        if name in provider.ignored_scopes:
            where, note = "granted", ""
        else:
            where, note = _place(name, asked, used, provider, speaks=speaks, since=since, now=now)
        lists[where].append(_permission(name, known, note=note, used_at=used.get(name)))
    lacking = [name for name in requested if provider.scope_aliases.get(name, name) in missing]
    return Permissions(
        granted=lists["granted"],
        missing=[_permission(name, known, note="Asked for, not granted.") for name in lacking],
        unneeded=lists["unneeded"],
        speaks=speaks,
    )


def _place(
    name: str,
    asked: frozenset[str],
    used: Mapping[str, datetime],
    provider: ProviderConfig,
    *,
    speaks: bool,
    since: datetime,
    now: datetime,
) -> tuple[str, str]:
    last = used.get(name)
    if last is not None and now - last <= UNUSED_AFTER:
        return "granted", ""
    if scope_sets.comparable([name], provider).isdisjoint(asked):
        return "unneeded", "Granted, though it was not asked for."
    if not speaks or now - max(last or since, since) <= UNUSED_AFTER:
        return "granted", ""
    return "unneeded", "No call has needed it for 90 days."


def _permission(name: str, known: Mapping[str, Scope], *, note: str, used_at: datetime | None = None) -> Permission:
    scope = known.get(name)
    if scope is None:
        return Permission(name, _UNKNOWN, "", "", note, used_at)
    return Permission(name, scope.description, scope.access, scope.caution, note, used_at)
