"""YAML built event by event, so that a document of ten megabytes takes seconds and whatever is a bomb ends early.

PyYAML's own way (a graph of nodes first, objects from it) takes ten times as long, and memory with it.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

DEEPEST = 100
MAX_ALIASES = 2_000
MAX_EVENTS = 2_000_000  # texts, lists and mappings; each takes time and memory


_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")


class BrokenYaml(Exception):
    """`sentence` says where and why; `so_far` is what was built before."""

    def __init__(self, sentence: str, so_far: Any) -> None:
        super().__init__(sentence)
        self.sentence, self.so_far = sentence, so_far


class _Loader(yaml.CBaseLoader):
    """Of the reader in C only the events are used."""


class _Builder:
    """JSON's types only: no merge keys (which could multiply), no objects. An alias is the same object again, never a
    copy, and none leads back into what it stands in."""

    def __init__(self) -> None:
        self.root: Any = None
        self.repeated: list[tuple[str, int]] = []
        self._open: list[Any] = []
        self._keys: list[str | None] = []  # of each open mapping the key whose value comes next
        self._anchors: dict[str, Any] = {}
        self._aliases = self._documents = 0

    def take(self, event: Any) -> None:
        """The next event. Raises BrokenYaml."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            is_key = self._open and type(self._open[-1]) is dict and self._keys[-1] is None
            value = _meaning(event.value) if event.implicit[0] and not is_key else event.value
            self._put(value, event, event.anchor)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            made: Any = {} if kind is yaml.MappingStartEvent else []
            self._put(made, event, event.anchor)
            self._open.append(made)
            self._keys.append(None)
            if len(self._open) > DEEPEST:
                raise self._broken(event, f"The document is nested deeper than {DEEPEST} levels.")
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._open.pop()
            self._keys.pop()
        elif kind is yaml.AliasEvent:
            self._put(self._meant(event), event, None)
        elif kind is yaml.DocumentStartEvent:
            self._documents += 1
            if self._documents > 1:
                raise self._broken(event, "A second document begins. Keep the one that describes the API.")

    def _put(self, value: Any, event: Any, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = value
        if not self._open:
            self.root = value
            return
        into = self._open[-1]
        if type(into) is list:
            into.append(value)
        elif (key := self._keys[-1]) is not None:
            into[key] = value
            self._keys[-1] = None
        elif type(value) is str:
            if value in into and len(self.repeated) < 20:
                self.repeated.append((value, event.start_mark.line + 1))
            self._keys[-1] = value
        else:
            raise self._broken(event, "A key is no text.")

    def _meant(self, event: Any) -> Any:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise self._broken(event, f"The document holds more than {MAX_ALIASES} YAML aliases.")
        if event.anchor not in self._anchors:
            raise self._broken(event, f"*{event.anchor[:60]} is used, but nothing before has that name.")
        meant = self._anchors[event.anchor]
        if any(meant is one for one in self._open):
            raise self._broken(event, f"*{event.anchor[:60]} stands inside of what it refers to.")
        return meant

    def _broken(self, event: Any, why: str) -> BrokenYaml:
        return BrokenYaml(f"This YAML cannot be used: {_place(event.start_mark)}. {why}", self.root)


def built(text: str) -> tuple[Any, list[tuple[str, int]]]:
    """`(document, [(key, line) of keys that stand twice in one mapping])`. Every scalar is text.

    Raises BrokenYaml with what was read until the fault.
    """
    builder = _Builder()
    try:
        for number, event in enumerate(_events(text)):
            if number > MAX_EVENTS:
                sentence = "The YAML document has too many parts. Convert it to JSON, which may have more."
                raise BrokenYaml(sentence, builder.root)
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        where = _place(error.problem_mark or error.context_mark)
        raise BrokenYaml(f"This is not valid YAML: {where}. {_why(text, error)}", builder.root) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        where = f"line {before.count(chr(10)) + 1}, column {error.position - before.rfind(chr(10))}"
        sentence = f"This is not valid YAML: {where}. A character stands there that YAML does not allow."
        raise BrokenYaml(sentence, builder.root) from None
    return builder.root, builder.repeated


def _meaning(plain: str) -> Any:
    """What a scalar without quotes is in YAML 1.2. A number that would be written otherwise stays text: 1.10, 007."""
    if plain in _WORDS:
        return _WORDS[plain]
    if _NUMBER.fullmatch(plain):
        number = float(plain) if "." in plain else int(plain)
        return number if str(number) == plain else plain
    return plain


def _events(text: str) -> Iterator[yaml.Event]:
    events: Iterator[yaml.Event] = yaml.parse(text, Loader=_Loader)
    return events


def _place(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"


def _why(text: str, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    lines = text.splitlines() if mark and len(text) < 1_000_000 else []
    if mark and mark.line < len(lines) and lines[mark.line][: mark.column + 1].endswith("\t"):
        return "A tab stands there; YAML is indented with blanks."
    return f"The reader says: {(error.problem or 'it cannot be read')[:150]}."
