"""How to register an OAuth app at a service, for the pages on which its client ID and secret are entered."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from apps.integrations.catalog.entries import entry_of
from apps.integrations.catalog.guide import names_field, parts_of
from apps.integrations.catalog.provider_config import links
from apps.integrations.catalog.schema import CatalogEntry, Scope
from apps.integrations.models import KINDS_WITH_OAUTH_APP, Integration, OAuthApp
from apps.integrations.redirect_uri import redirect_uri, unregistered_app
from apps.teams.models import Team


@dataclass(frozen=True)
class Step:
    """One sentence, in parts: text, and whether the vendor's console shows these words. `pastes`: the redirect URI is
    entered in this step."""

    parts: Sequence[tuple[str, bool]]
    pastes: bool


@dataclass(frozen=True)
class SetupGuide:
    """What `integrations/_guide.html` shows.

    `steps` is empty where the catalog has no guide: the page then shows the steps that are the same everywhere.
    `source` and `console_url` may be empty. `is_confirmed`: the vendor's documentation confirms the whole guide.
    """

    name: str
    redirect_uri: str
    console_url: str = ""
    steps: Sequence[Step] = ()
    enable: Sequence[str] = ()
    scopes: Sequence[Scope] = ()
    review: Sequence[tuple[str, bool]] = ()
    source: str = ""
    is_confirmed: bool = True

    @property
    def console_host(self) -> str:
        """The host of the console, such as api.slack.com; empty if its URL is not known."""
        return urlsplit(self.console_url).netloc


def setup_guide(
    integration: Integration, *, oauth_app: OAuthApp | None = None, team: Team | None = None
) -> SetupGuide | None:
    """The guide for the form of an OAuth app; None for a service whose accounts need no OAuth app.

    `oauth_app`: the stored app, None for a new one; `team`: whose app a new one will be, None for the operator's. Both
    decide the redirect URI. Usage: `{% include "integrations/_guide.html" with guide=guide %}`.
    """
    if integration.kind not in KINDS_WITH_OAUTH_APP:
        return None
    entry = entry_of(integration)
    uri = redirect_uri(oauth_app or unregistered_app(integration, team))
    if entry is None:
        return SetupGuide(integration.name, uri)
    return _from_entry(entry, uri, links(entry, oauth_app).console_url)


def _from_entry(entry: CatalogEntry, uri: str, console_url: str) -> SetupGuide:
    guide = entry.guide
    if guide is None:
        return SetupGuide(entry.name, uri, console_url)
    return SetupGuide(
        entry.name,
        uri,
        console_url,
        steps=[Step(parts_of(step), names_field(step, guide.paste)) for step in guide.steps],
        enable=guide.enable,
        scopes=entry.scopes if guide.scopes else (),
        review=parts_of(guide.review),
        source=guide.source,
        is_confirmed=not any(key.startswith("guide") for key in entry.metadata.unverified),
    )
