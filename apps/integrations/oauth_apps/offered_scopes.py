"""The scopes that can be requested through an OAuth app: those of the catalog, its extra ones, its limits. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext

from apps.integrations.catalog.overrides import scope_problem
from apps.integrations.catalog.schema import CatalogEntry, Scope
from apps.integrations.models import OAuthApp


@dataclass(frozen=True)
class Offer:
    """The `scopes` to choose from, in the order of the catalog; `open_ended`: others may be entered too."""

    service: str
    separator: str
    scopes: tuple[Scope, ...]
    open_ended: bool

    @property
    def names(self) -> set[str]:
        return {scope.name for scope in self.scopes}

    @property
    def suggested(self) -> list[Scope]:
        """Those selected beforehand."""
        return [scope for scope in self.scopes if scope.default]

    def refusal(self, scopes: Iterable[str]) -> str:
        """Why these scopes cannot be requested, as a message; empty if they can."""
        others = [scope for scope in scopes if scope not in self.names]
        if not others:
            return ""
        if not self.open_ended:
            return gettext("The OAuth app of %(service)s may not request %(others)s.") % {
                "service": self.service,
                "others": others[0][:100],
            }
        if any(self.separator.strip() and self.separator in scope for scope in others):
            return gettext("Enter one permission per line, without %(separator)s between them.") % {
                "separator": self.separator
            }
        return scope_problem(others)


def offer_of(entry: CatalogEntry, oauth_app: OAuthApp | None) -> Offer:
    """What can be requested through the OAuth app; without one, the scopes of the catalog."""
    allowed: list[str] = oauth_app.scopes_allowed if oauth_app else []
    extra: list[str] = oauth_app.overrides.get("extra_scopes", []) if oauth_app else []
    known = {scope.name: scope for scope in entry.scopes}
    names = [name for name in known if not allowed or name in allowed]
    scopes = [known.get(name) or _by_name(name) for name in dict.fromkeys([*names, *allowed, *extra])]
    return Offer(
        service=entry.name,
        separator=entry.oauth2.scope_separator if entry.oauth2 else " ",
        scopes=tuple(scopes),
        open_ended=oauth_app is not None and not allowed,
    )


def _by_name(name: str) -> Scope:
    return Scope(
        name=name,
        description=gettext("Not in the catalog"),
        access="write",
        caution=gettext("The catalog does not say what it allows."),
    )
