"""Sentences that are raised and stored in English, shown in the reader's language.

Errors, findings and what they leave in the database are English, so that the API, the audit log and stored text do not
depend on who caused them. `gettext_noop` marks them; a page shows them through `translated`.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from django.conf import settings
from django.utils.html import format_html
from django.utils.translation import get_language, gettext, override

_VALUE = re.compile(r"%\((\w+)\)[sd]|\{(\w+)\}")
_SENTENCE_END = re.compile(r"(?<=[.!?]) (?=\S)")
# Values that are names: they stay as they are, and hold no end of a sentence.
_NAMES = frozenset({"account", "connection", "name", "owner", "person", "service", "team", "user"})
# Longer text, and more sentences in one, are no error or finding, and would be compared for long.
_LONGEST, _MOST_SENTENCES = 1000, 8
_LEAST_LETTERS = 5  # of a pattern beside its values: shorter ones would fit other text


def translated(sentence: str) -> str:
    """The English sentence in the active language, as it is if it is not in the catalog.

    The values in it stay, unless they are sentences or parts of sentences themselves.
    """
    language = get_language()
    if not sentence or len(sentence) > _LONGEST or not language or language == settings.LANGUAGE_CODE:
        return sentence
    return _translated(sentence, language)


def text_of_catalog(text: str) -> str:
    """A text of the catalog of services: in the active language, else marked as English for those who hear the page."""
    found = gettext(text) if text else ""
    language = get_language()
    if not text or found != text or language in (None, settings.LANGUAGE_CODE):
        return found
    return format_html('<span lang="{}">{}</span>', settings.LANGUAGE_CODE, text)


@lru_cache(maxsize=4096)
def _translated(text: str, language: str) -> str:
    """The text, or one sentence of it after the other: an entry of the catalog may be more than one."""
    ends = [match.start() for match in _SENTENCE_END.finditer(text)]
    if len(ends) > _MOST_SENTENCES:
        return text
    for end in (len(text), *ends):
        if found := _from_catalog(text[:end], language):
            return f"{found} {_translated(text[end + 1 :], language)}".rstrip()
    return f"{text[: ends[0]]} {_translated(text[ends[0] + 1 :], language)}" if ends else text


def _from_catalog(sentence: str, language: str) -> str:
    with override(language):
        found = gettext(sentence)
    if found != sentence:
        return found
    for pattern in _patterns(language):
        filled = pattern.fill(sentence, language)
        if filled:
            return filled
    return ""


@dataclass(frozen=True)
class _Pattern:
    """A text of the catalog with values, and its translation."""

    literals: tuple[str, ...]
    matcher: re.Pattern[str]
    translation: str
    letters: int

    def fill(self, sentence: str, language: str) -> str:
        """The translation with the values of the sentence; "" if the sentence is another one."""
        if not sentence.startswith(self.literals[0]) or not sentence.endswith(self.literals[-1]):
            return ""
        if not all(literal in sentence for literal in self.literals):
            return ""
        match = self.matcher.fullmatch(sentence)
        if match is None:
            return ""
        values = {name: _value(name, value, language) for name, value in match.groupdict().items()}
        return _VALUE.sub(lambda match: values[match[1] or match[2]], self.translation.replace("%%", "%"))


def _value(name: str, value: str, language: str) -> str:
    """Only sentences, and parts that begin with a lower-case letter, are translated."""
    is_text = value.endswith(".") or value.count(" ") >= (1 if value[:1].islower() else 2)
    return _translated(value, language) if is_text and name not in _NAMES else value


@cache
def _patterns(language: str) -> list[_Pattern]:
    """The texts with values of the catalog, those with most letters first."""
    found = []
    for folder in settings.LOCALE_PATHS:
        compiled = Path(folder, language, "LC_MESSAGES/django.mo")
        if compiled.exists():
            found += [_pattern(*pair) for pair in _pairs(compiled.read_bytes()) if _VALUE.search(pair[0])]
    return sorted((one for one in found if one.letters >= _LEAST_LETTERS), key=lambda one: -one.letters)


def _pattern(text: str, translation: str) -> _Pattern:
    text = text.replace("%%", "%")
    parts = _VALUE.split(text)  # literal, name or None, None or name, literal, …
    literals, names = parts[::3], [first or second for first, second in zip(parts[1::3], parts[2::3], strict=True)]
    expression = re.escape(literals[0])
    for index, (name, literal) in enumerate(zip(names, literals[1:], strict=True)):
        value = r"(?:(?![.!?] ).)+?" if name in _NAMES else ".+?"
        expression += f"(?P={name})" if name in names[:index] else f"(?P<{name}>{value})"
        expression += re.escape(literal)
    letters = sum(character.isalpha() for literal in literals for character in literal)
    return _Pattern(tuple(literals), re.compile(expression, re.DOTALL), translation, letters)


def _pairs(compiled: bytes) -> Iterator[tuple[str, str]]:
    """Texts and translations of a compiled catalog (GNU gettext manual, "The Format of GNU MO Files")."""
    order = "<" if compiled[:4] == b"\xde\x12\x04\x95" else ">"
    count, texts, translations = struct.unpack_from(f"{order}8xIII", compiled)
    for index in range(count):
        text, translation = (
            compiled[start : start + length].decode().split("\0")
            for length, start in (
                struct.unpack_from(f"{order}II", compiled, at + 8 * index) for at in (texts, translations)
            )
        )
        if "\4" not in text[0]:  # else it has a context, which a sentence does not carry
            yield from zip(text, (translation[0], translation[-1]), strict=False)
