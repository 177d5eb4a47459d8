"""On whose behalf requests to an integration are sent: internal hosts may be open to some only."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from uuid import UUID

from apps import egress
from apps.integrations.catalog.entries import entry_of
from apps.integrations.catalog.placeholders import PLACEHOLDER, UnsafeValue, fill
from apps.integrations.catalog.rules import urls_of
from apps.integrations.catalog.schema import CatalogEntry
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.redirect_uri import host_of

# Pages that people open, to which no request is sent.
_PAGES = ("links.", "metadata.")


def requests_to(
    integration: Integration, *, team: UUID | None, oauth_app: OAuthApp | None = None
) -> AbstractContextManager[None]:
    """Requests of this block are those of a team (None: of the operator) to an integration, through an OAuth app."""
    return egress.on_behalf_of(team, has_fixed_hosts=lambda: has_fixed_hosts(integration, oauth_app))


def has_fixed_hosts(integration: Integration, oauth_app: OAuthApp | None) -> bool:
    """Whether only the catalog or an operator determines every host of the integration.

    False for custom APIs, for hosts that members, a team's OAuth app or a response of the service complete, and for
    services that are no longer in the catalog.
    """
    entry = entry_of(integration)
    if integration.team_id is not None or entry is None:
        return False
    hosts = [host_of(url) for url in _requested_urls(entry)]
    of_operator = oauth_app is not None and oauth_app.team_id is None
    fixed = {param.name for param in entry.params if param.choices or (of_operator and param.source == "client")}
    return all(fixed.issuperset(PLACEHOLDER.findall(host)) for host in hosts)


def host_problems(entry: CatalogEntry, values: Mapping[str, str]) -> list[tuple[str, str]]:
    """The values of placeholders that make a host to which no request may be sent, as (name, message).

    What only the DNS shows is found when the host is used. Whether an internal host is open depends on whose behalf
    this is called on (`requests_to`).
    """
    found: dict[str, str] = {}
    for url in _requested_urls(entry):
        host = host_of(url)
        names = PLACEHOLDER.findall(host)
        if names and values.keys() >= set(names):
            origin = host if host.startswith("{") and "://" not in url else f"{url.partition('://')[0]}://{host}"
            try:
                egress.check_url(fill(origin, values))
            except (egress.DestinationBlocked, UnsafeValue) as error:
                found.setdefault(names[-1], str(error))
    return list(found.items())


def _requested_urls(entry: CatalogEntry) -> Iterator[str]:
    return (url for key, url in urls_of(entry) if not key.startswith(_PAGES))
