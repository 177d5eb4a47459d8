"""A connection's scopes as granted, missing and unneeded permissions with descriptions. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.connections.policy import scopes as scope_sets
from apps.integrations.catalog.schema import Scope
from apps.oauth.provider import ProviderConfig

# A permission that no call needed for so many days counts as unneeded.
UNUSED_DAYS = 90
_UNKNOWN = _("Not in the catalog")


@dataclass(frozen=True)
class Permission:
    """One scope. `note` says why it is in its list; `used_at` is when a call last needed it."""

    name: str
    description: str
    access: str
    caution: str
    note: str = ""
    used_at: datetime | None = None


@dataclass(frozen=True)
class Permissions:
    """`use_is_known`: calls named the permissions that they need, so that unneeded ones can be listed."""

    granted: list[Permission]
    missing: list[Permission]
    unneeded: list[Permission]
    use_is_known: bool

    @property
    def narrower(self) -> list[str]:
        """The scopes to request without the unneeded ones."""
        return [permission.name for permission in [*self.granted, *self.missing]]

    @property
    def wider(self) -> list[str]:
        """The scopes to request so that none is missing."""
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
    unused_days: int = UNUSED_DAYS,
) -> Permissions:
    """The permissions. `used`: when a call last needed each scope; `since`: when the connection was created.

    A permission that no call needed for `unused_days` counts as unneeded.
    """
    granted, requested = list(granted), list(requested)
    missing = set(scope_sets.missing(wanted=requested, granted=granted, provider=provider))
    requested_set = scope_sets.comparable(requested, provider)
    use_is_known = bool(used)
    oldest = now - timedelta(days=unused_days)
    known_since = since if use_is_known else None
    lists: dict[str, list[Permission]] = {"granted": [], "unneeded": []}
    for name in granted:
        if name in provider.ignored_scopes:
            list_name, note = "granted", ""
        else:
            list_name, note = _classify(name, requested_set, used, provider, known_since=known_since, oldest=oldest)
        if list_name == "unneeded" and not note:
            note = gettext("No call has needed it for %(unused_days)s days.") % {"unused_days": unused_days}
        lists[list_name].append(_permission(name, known, note=note, used_at=used.get(name)))
    not_granted = [name for name in requested if provider.scope_aliases.get(name, name) in missing]
    return Permissions(
        granted=lists["granted"],
        missing=[_permission(name, known, note=gettext("Requested, not granted.")) for name in not_granted],
        unneeded=lists["unneeded"],
        use_is_known=use_is_known,
    )


def _classify(
    name: str,
    requested: frozenset[str],
    used: Mapping[str, datetime],
    provider: ProviderConfig,
    *,
    known_since: datetime | None,
    oldest: datetime,
) -> tuple[str, str]:
    last = used.get(name)
    if last is not None and last >= oldest:
        return "granted", ""
    if scope_sets.comparable([name], provider).isdisjoint(requested):
        return "unneeded", gettext("Granted, though it was not requested.")
    if known_since is None or max(last or known_since, known_since) >= oldest:
        return "granted", ""
    return "unneeded", ""


def _permission(name: str, known: Mapping[str, Scope], *, note: str, used_at: datetime | None = None) -> Permission:
    scope = known.get(name)
    if scope is None:
        return Permission(name, str(_UNKNOWN), "", "", note, used_at)
    return Permission(name, scope.description, scope.access, scope.caution, note, used_at)
