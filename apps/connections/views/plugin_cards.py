"""The cards of the Plugins page for a search and a category, and the chips above them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from types import MappingProxyType
from uuid import UUID

from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from apps.connections.services.listed_integrations import counts_of
from apps.integrations.catalog.categories import CATEGORY_LABELS
from apps.integrations.catalog.entries import entry_of
from apps.integrations.catalog.schema import Hero
from apps.integrations.models import Integration
from apps.sentences import text_of_catalog

ALL, CONNECTED, OWN = "", "connected", "own"


@dataclass(frozen=True)
class Card:
    """One service. `status` and `state` are the arguments of `{% status %}`; empty if it is not connected."""

    integration: Integration
    connected: int
    attention: int
    is_set_up: bool
    hero: Hero | None
    next_step: str
    popular: int | None  # rank among the popular services, 1 is the first; None if it is not one of them

    @property
    def status(self) -> str:
        return "" if not self.connected else "bad" if self.attention else "good"

    @property
    def state(self) -> str:
        """The state of its connections: "2 connected", "3 connected, 1 needs attention"."""
        if not self.attention:
            return gettext("%(connected)s connected") % {"connected": self.connected}
        if self.connected == 1:
            return gettext("1 connected, needs attention")
        text = ngettext(
            "%(connected)s connected, %(attention)s needs attention",
            "%(connected)s connected, %(attention)s need attention",
            self.attention,
        )
        return text % {"connected": self.connected, "attention": self.attention}

    @property
    def html(self) -> SafeString:
        """The rendered card."""
        row = self.integration
        return _card_html(
            slug=row.slug,
            name=row.name,
            icon=row.icon,
            description=text_of_catalog(row.description),
            status=self.status,
            state=self.state,
            next_step=self.next_step,
        )

    @property
    def section(self) -> str:
        """The title above the cards of its kind, when all are listed."""
        if self.connected or self.integration.team_id:
            return gettext("Yours")
        return gettext("All services") if self.popular is None else gettext("Popular")

    @property
    def category(self) -> str:
        return OWN if self.integration.team_id else self.integration.category


@lru_cache(maxsize=4096)
def _card_html(**values: str | bool | None) -> SafeString:
    # Rendering hundreds of cards each time would make the page several times slower than any other.
    return render_to_string("integrations/_card.html", values)


@dataclass(frozen=True)
class Chip:
    """A category, with the number of cards in it."""

    value: str
    label: str
    count: int
    is_current: bool


def cards(
    rows: Iterable[Integration], *, can_set_up: bool = False, asked: Mapping[UUID, int] = MappingProxyType({})
) -> list[Card]:
    """A card for each row of `listed_integrations.with_counts`.

    `can_set_up`: whether the actor can add an OAuth app; `asked`: how many people asked for a service, by its ID.
    """
    result = []
    for row in rows:
        entry, counts = entry_of(row), counts_of(row)
        result.append(
            Card(
                integration=row,
                connected=counts.connected,
                attention=counts.attention,
                is_set_up=counts.is_set_up,
                next_step=_next_step(counts.is_set_up, can_set_up=can_set_up, asked=asked.get(row.pk, 0)),
                hero=entry.hero if entry else None,
                popular=getattr(entry, "popular", None) or None,
            )
        )
    return result


def _next_step(is_set_up: bool, *, can_set_up: bool, asked: int) -> str:
    if is_set_up:
        return gettext("Connect")
    if not can_set_up:
        return gettext("Ask for it")
    if not asked:
        return gettext("Set up")
    return ngettext("Set up, %(n)s person asked", "Set up, %(n)s people asked", asked) % {"n": asked}


def popular_first(every: Iterable[Card]) -> list[Card]:
    """Connected services keep their order at the top; then the team's own APIs; then popular services by rank; then the
    others as they were."""

    def position(card: Card) -> tuple[int, float]:
        if card.connected:
            return 0, 0
        if card.integration.team_id is not None:
            return 1, 0
        return 2, inf if card.popular is None else card.popular

    return sorted(every, key=position)


def with_titles(listed: Sequence[Card], start: int) -> list[tuple[str, Card]]:
    """The cards from `start` on, each with the title of its section if it is the first of it, else ""."""
    before = [None, *(card.section for card in listed)]
    return [(card.section if card.section != before[n] else "", card) for n, card in enumerate(listed)][start:]


def matching(every: Sequence[Card], *, search: str, category: str) -> list[Card]:
    """The cards of the category whose name, description or category contains every word of `search`."""
    words = search.casefold().split()
    return [card for card in every if all(word in _text(card) for word in words) and _belongs(card, category)]


def chips(matches: Sequence[Card], *, category: str) -> list[Chip]:
    """All, Connected, each category with cards, and the team's own APIs, with counts of the search's matches."""
    counts = Counter(card.category for card in matches)
    labels = {**{value: str(label) for value, label in CATEGORY_LABELS.items()}, OWN: gettext("Your APIs")}
    choices = [
        (ALL, gettext("All"), len(matches)),
        (CONNECTED, gettext("Connected"), sum(bool(card.connected) for card in matches)),
    ]
    named = sorted((value for value in {*counts, category} if value in labels), key=lambda value: labels[value])
    choices += [(value, labels[value], counts[value]) for value in named]
    return [Chip(value, label, count, value == category) for value, label, count in choices]


def is_category(value: str) -> bool:
    """Whether a chip can have this value."""
    return value in (ALL, CONNECTED, OWN) or value in CATEGORY_LABELS


def _text(card: Card) -> str:
    integration = card.integration
    category = CATEGORY_LABELS.get(integration.category, "")
    description = integration.description
    texts = (integration.name, description, gettext(description) if description else "", category, integration.slug)
    return " ".join(map(str, texts)).casefold()


def _belongs(card: Card, category: str) -> bool:
    if category == CONNECTED:
        return card.connected > 0
    return category in (ALL, card.category)
