"""On whose behalf requests to an integration are sent: internal hosts may be open to some only."""

from contextlib import AbstractContextManager
from uuid import UUID

from apps import egress
from apps.integrations.catalog.entries import entry_of
from apps.integrations.catalog.placeholders import PLACEHOLDER
from apps.integrations.catalog.rules import urls_of
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
    hosts = [host_of(url) for key, url in urls_of(entry) if not key.startswith(_PAGES)]
    of_operator = oauth_app is not None and oauth_app.team_id is None
    fixed = {param.name for param in entry.params if param.choices or (of_operator and param.source == "client")}
    return all(fixed.issuperset(PLACEHOLDER.findall(host)) for host in hosts)
