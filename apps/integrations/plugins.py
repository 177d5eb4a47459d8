"""The Plugins page as data: which cards it shows for a search and a category, and the chips above them. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apps.integrations.catalogue import entry_of
from apps.integrations.catalogue_schema import CATEGORY_WORDS, Hero
from apps.integrations.models import Integration

ALL, CONNECTED, OWN = "", "connected", "own"


@dataclass(frozen=True)
class Card:
    """One service of the list. `kind` and `state` are what `{% status %}` takes; empty where it is not connected."""

    integration: Integration
    connected: int
    attention: int
    is_set_up: bool
    hero: Hero | None

    @property
    def status(self) -> str:
        return "" if not self.connected else "bad" if self.attention else "good"

    @property
    def state(self) -> str:
        """How its connections stand: "2 connected", "3 connected, 1 needs attention"."""
        if not self.attention:
            return f"{self.connected} connected"
        if self.connected == 1:
            return "1 connected, needs attention"
        return f"{self.connected} connected, {self.attention} need{'s' if self.attention == 1 else ''} attention"

    @property
    def category(self) -> str:
        return OWN if self.integration.team_id else self.integration.category


@dataclass(frozen=True)
class Chip:
    """One choice of a category, with how many cards it shows."""

    value: str
    label: str
    count: int
    is_current: bool


def cards(rows: Iterable[Integration]) -> list[Card]:
    """A card for each row of `Integration.objects.with_standing(actor)`."""
    made = []
    for row in rows:
        entry = entry_of(row)
        made.append(
            Card(
                integration=row,
                connected=row.connected,  # type: ignore[attr-defined] # annotated by with_standing
                attention=row.attention,  # type: ignore[attr-defined]
                is_set_up=row.is_set_up,  # type: ignore[attr-defined]
                hero=entry.hero if entry else None,
            )
        )
    return made


def matching(every: Sequence[Card], *, search: str, category: str) -> list[Card]:
    """The cards whose name, line or category hold every word of `search`, within the category."""
    words = search.casefold().split()
    return [card for card in every if all(word in _text(card) for word in words) and _belongs(card, category)]


def chips(found: Sequence[Card], *, category: str) -> list[Chip]:
    """All, Connected, each category that has cards, and the team's own; counted within what the search found."""
    counts = Counter(card.category for card in found)
    words = {**CATEGORY_WORDS, OWN: "Your APIs"}
    choices = [(ALL, "All", len(found)), (CONNECTED, "Connected", sum(bool(card.connected) for card in found))]
    named = sorted((value for value in {*counts, category} if value in words), key=lambda value: words[value])
    choices += [(value, words[value], counts[value]) for value in named]
    return [Chip(value, label, count, value == category) for value, label, count in choices]


def is_category(value: str) -> bool:
    """Whether `value` is one that a chip can have."""
    return value in (ALL, CONNECTED, OWN) or value in CATEGORY_WORDS


def _text(card: Card) -> str:
    integration = card.integration
    category = CATEGORY_WORDS.get(integration.category, "")
    return f"{integration.name} {integration.description} {category} {integration.slug}".casefold()


def _belongs(card: Card, category: str) -> bool:
    if category == CONNECTED:
        return card.connected > 0
    return category in (ALL, card.category)
