"""Builds YAML from parser events: a document of 10 MB takes seconds, and expansion bombs stop early.

PyYAML's own constructor (a graph of nodes first) takes ten times as long and as much memory.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml
from django.utils.translation import gettext_noop

DEEPEST = 100
MAX_ALIASES = 2_000
MAX_MERGED = 100_000  # entries that merge keys copy
MAX_EVENTS = 2_000_000  # scalars, lists and mappings


_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")


class BrokenYaml(Exception):
    """`message` says where and why; `so_far` is what was built before the error."""

    def __init__(self, message: str, so_far: Any) -> None:
        super().__init__(message)
        self.message, self.so_far = message, so_far


class _Loader(yaml.CBaseLoader):
    """The C parser; only its events are used."""


class _Builder:
    """Builds JSON types only, no objects. An alias is the same object, not a copy, and cannot refer to a container that
    it is part of. Merge keys (`<<`) copy the entries of mappings, not their values; their number is limited."""

    def __init__(self) -> None:
        self.root: Any = None
        self.repeated: list[tuple[str, int]] = []
        self._open: list[Any] = []
        self._keys: list[str | None] = []  # for each open mapping, the key whose value is next
        self._anchors: dict[str, Any] = {}
        self._aliases = self._documents = self._merged = 0

    def take(self, event: Any) -> None:
        """Process the next event. Raises BrokenYaml."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._take_scalar(event)
        elif kind is yaml.MappingStartEvent:
            self._enter({}, event)
        elif kind is yaml.SequenceStartEvent:
            self._enter([], event)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._merge(self._open.pop(), event)
            self._keys.pop()
        elif kind is yaml.AliasEvent:
            self._put(self._resolve(event), event, None)
        elif kind is yaml.DocumentStartEvent:
            self._documents += 1
            if self._documents > 1:
                raise self._broken(
                    event, gettext_noop("A second document begins. Keep the one that describes the API.")
                )

    def _take_scalar(self, event: Any) -> None:
        is_key = self._open and type(self._open[-1]) is dict and self._keys[-1] is None
        value = _plain_value(event.value) if event.implicit[0] and not is_key else event.value
        self._put(value, event, event.anchor)

    def _enter(self, container: Any, event: Any) -> None:
        self._put(container, event, event.anchor)
        self._open.append(container)
        self._keys.append(None)
        if len(self._open) > DEEPEST:
            raise self._broken(
                event, gettext_noop("The document is nested deeper than %(deepest)s levels.") % {"deepest": DEEPEST}
            )

    def _merge(self, container: Any, event: Any) -> None:
        """Resolve the merge key of a mapping (YAML 1.1): its own keys take precedence."""
        if type(container) is not dict or not isinstance(container.get("<<"), dict | list):
            return
        merged = container.pop("<<")
        for source in merged if isinstance(merged, list) else [merged]:
            self._merged += len(source) if isinstance(source, dict) else 0
            if not isinstance(source, dict) or self._merged > MAX_MERGED:
                raise self._broken(event, gettext_noop("Its merge keys (<<) cannot be resolved."))
            for key, value in source.items():
                container.setdefault(key, value)

    def _put(self, value: Any, event: Any, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = value
        if not self._open:
            self.root = value
            return
        container = self._open[-1]
        if type(container) is list:
            container.append(value)
        elif (key := self._keys[-1]) is not None:
            container[key] = value
            self._keys[-1] = None
        elif type(value) is str:
            if value in container and len(self.repeated) < 20:
                self.repeated.append((value, event.start_mark.line + 1))
            self._keys[-1] = value
        else:
            raise self._broken(event, gettext_noop("A key is not a string."))

    def _resolve(self, event: Any) -> Any:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise self._broken(
                event,
                gettext_noop("The document contains more than %(max_aliases)s YAML aliases.")
                % {"max_aliases": MAX_ALIASES},
            )
        if event.anchor not in self._anchors:
            raise self._broken(
                event, gettext_noop("*%(name)s is used, but not defined before.") % {"name": event.anchor[:60]}
            )
        target = self._anchors[event.anchor]
        if any(target is container for container in self._open):
            raise self._broken(
                event, gettext_noop("*%(name)s is part of what it refers to.") % {"name": event.anchor[:60]}
            )
        return target

    def _broken(self, event: Any, reason: str) -> BrokenYaml:
        return BrokenYaml(
            gettext_noop("This YAML cannot be used: %(position)s. %(reason)s")
            % {"position": _position(event.start_mark), "reason": reason},
            self.root,
        )


def built(text: str) -> tuple[Any, list[tuple[str, int]]]:
    """`(document, [(key, line) of keys that occur twice in a mapping])`.

    Raises BrokenYaml with what was read before the error.
    """
    builder = _Builder()
    try:
        for number, event in enumerate(_events(text)):
            if number > MAX_EVENTS:
                message = gettext_noop(
                    "The YAML document has too many elements. Convert it to JSON, for which the limit is higher."
                )
                raise BrokenYaml(message, builder.root)
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        where = _position(error.problem_mark or error.context_mark)
        raise BrokenYaml(
            gettext_noop("This is not valid YAML: %(where)s. %(reason)s")
            % {"where": where, "reason": _reason(text, error)},
            builder.root,
        ) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        where = gettext_noop("line %(line)s, column %(column)s") % {
            "line": before.count(chr(10)) + 1,
            "column": error.position - before.rfind(chr(10)),
        }
        message = gettext_noop("This is not valid YAML: %(where)s. YAML does not allow this character.") % {
            "where": where
        }
        raise BrokenYaml(message, builder.root) from None
    return builder.root, builder.repeated


def _plain_value(plain: str) -> Any:
    """The value of an unquoted scalar in YAML 1.2. A number in another notation stays a string: 1.10, 007."""
    if plain in _WORDS:
        return _WORDS[plain]
    if _NUMBER.fullmatch(plain):
        number = float(plain) if "." in plain else int(plain)
        return number if str(number) == plain else plain
    return plain


def _events(text: str) -> Iterator[yaml.Event]:
    events: Iterator[yaml.Event] = yaml.parse(text, Loader=_Loader)
    return events


def _position(mark: Any) -> str:
    return (
        gettext_noop("line %(line)s, column %(column)s") % {"line": mark.line + 1, "column": mark.column + 1}
        if mark
        else gettext_noop("at an unknown place")
    )


def _reason(text: str, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    lines = text.splitlines() if mark and len(text) < 1_000_000 else []
    if mark and mark.line < len(lines) and lines[mark.line][: mark.column + 1].endswith("\t"):
        return gettext_noop("There is a tab; YAML is indented with spaces.")
    return f"{error.problem[:150].capitalize()}." if error.problem else gettext_noop("It cannot be read.")
