"""Finds English left on a page in another language: its words, outside of code and of what is marked as English."""

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import available_timezones

import polib
from django.conf import settings

from apps.connections.models import Connection, WorkflowUse
from apps.integrations.models import Integration
from apps.teams.models import Team
from tests.translations import NOT_READ, READ

CATALOG = Path(settings.BASE_DIR, "locale/de/LC_MESSAGES/django.po")

# Words of nearly every English sentence or label that German does not have.
_WORDS = re.compile(
    r"\b(?:the|and|of|with|to|not|this|that|these|you|your|are|is|been|cannot|which|when|from|for|or|has|have|its?|by|"
    r"no|yes|new|open|add|edit|delete|remove|search|choose|select|show|hide|save|cancel|close|all|each|any|only|every|"
    r"last|next|used|owner|shared|created|expires|failed|needs?|working|connections?|events?|keys?|people|services?)\b",
    re.IGNORECASE,
)
_VOID = frozenset(
    {
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
        "path",
        "use",
    }
)


class _Visible(HTMLParser):
    """The text and the read attributes outside of code and of elements in another language than the page's."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        is_foreign = tag != "html" and values.get("lang") == "en"
        silent = is_foreign or tag in NOT_READ or tag == "textarea" or self._is_silent()
        if not silent:
            self.texts += [value for name, value in attrs if value and name in READ]
        if tag not in _VOID:
            self._open.append((tag, silent))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if any(name == tag for name, _ in self._open):
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._is_silent():
            self.texts.append(data)

    def _is_silent(self) -> bool:
        return bool(self._open) and self._open[-1][1]


def english_in(html: str, *, names: frozenset[str] = frozenset()) -> list[str]:
    """The texts of the page with English words, each once, without those names that stay as they are."""
    found = []
    for text in _texts(html):
        # Such as the words of a vendor's console.
        rest = "" if text in _catalog()[1] or not _WORDS.search(text) else text
        for name in sorted((name for name in names if name in rest), key=len, reverse=True):
            rest = rest.replace(name, "")
        if _WORDS.search(rest):
            found.append(text)
    return found


def untranslated_in(html: str, *, names: frozenset[str] = frozenset()) -> list[str]:
    """The texts of the page that the German catalog translates otherwise, each once."""
    english, german = _catalog()
    untranslated = english - german - names
    return [text for text in _texts(html) if text in untranslated]


@cache
def _catalog() -> tuple[frozenset[str], frozenset[str]]:
    """The English texts of the German catalog, and the German ones."""
    entries = polib.pofile(str(CATALOG))
    german = {text for one in entries for text in (one.msgstr, *one.msgstr_plural.values())}
    return frozenset(one.msgid for one in entries), frozenset(german)


def names_of() -> frozenset[str]:
    """The names of things in the database, which stay as they are."""
    found: set[str] = set()
    columns = ((Integration, "name"), (Integration, "description"), (Connection, "name"), (WorkflowUse, "name"))
    for model, field in (*columns, (Team, "name")):
        found |= set(model._default_manager.values_list(field, flat=True))  # type: ignore[attr-defined]
    return frozenset(found | {name.replace("_", " ").replace("/", " / ") for name in available_timezones()})


def _texts(html: str) -> list[str]:
    parser = _Visible()
    parser.feed(html)
    parser.close()
    return list(dict.fromkeys(" ".join(text.split()) for text in parser.texts))
