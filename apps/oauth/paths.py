"""Paths into JSON documents, and checks of the values at them. Pure."""

import re
from functools import lru_cache
from typing import Any, NamedTuple

from apps.errors import gettext_noop

# One step: a key in quotes (which may hold dots), the position of a list item, any single key, or a key.
_STEP = re.compile(r'\["(?P<quoted>[^"]+)"\]|\[(?P<index>[0-9]{1,9})\]|(?P<any>\*)|(?P<key>[^.\[\]"*]+)')
_DOT = re.compile(r"\.?")


class Check(NamedTuple):
    """A JSON response is a success only if the value at `path` equals this one, type included (Slack's `ok`)."""

    path: str
    equals: str | int | bool


class _Any:
    """The step that leads to the only value of an object, whatever its key is."""


_ANY = _Any()
Steps = tuple[str | int | _Any, ...]


class InvalidPath(ValueError):
    """A text that is no path."""


def pick(document: Any, path: str) -> Any:
    """The value at a path of a JSON document; None where the path leads nowhere.

    `data.users[0].id`: keys and positions. `["https://example.com/sub"]`: a key with any characters. `*`: the value of
    an object's only key; an object with several keys has none there. `a | b`: the first path that leads somewhere.
    """
    for steps in steps_of(path):
        found = _follow(document, steps)
        if found is not None:
            return found
    return None


def is_path(text: str) -> bool:
    """Whether `text` is a path."""
    try:
        return all(steps_of(text))
    except InvalidPath:
        return False


@lru_cache(maxsize=4096)
def steps_of(path: str) -> tuple[Steps, ...]:
    """The steps of each alternative. Raises InvalidPath."""
    return tuple(_parsed(alternative.strip()) for alternative in path.split(" | "))


def _parsed(path: str) -> Steps:
    steps: list[str | int | _Any] = []
    position = 0
    while position < len(path):
        found = _STEP.match(path, position)
        if found is None:
            raise InvalidPath(
                gettext_noop("%(name)s is not a path such as data.user.id, with [0] for list items")
                % {"name": path[:60]}
            )
        index, is_any = found["index"], found["any"]
        steps.append(int(index) if index else _ANY if is_any else found["quoted"] or found["key"])
        position = found.end()
        dot = _DOT.match(path, position)
        if dot and dot[0]:
            position = dot.end()
            if position == len(path):
                raise InvalidPath(gettext_noop("%(name)s ends with a dot") % {"name": path[:60]})
    return tuple(steps)


def _follow(document: Any, steps: Steps) -> Any:
    for step in steps:
        if isinstance(step, int):
            document = document[step] if isinstance(document, list) and step < len(document) else None
        elif isinstance(step, _Any):
            document = next(iter(document.values())) if isinstance(document, dict) and len(document) == 1 else None
        else:
            document = document.get(step) if isinstance(document, dict) else None
    return document


def passes(check: Check | None, document: Any) -> bool:
    """Whether a JSON response meets a check; without a check it always does. True is not 1 here."""
    if check is None:
        return True
    path, expected = check
    value = pick(document, path)
    return type(value) is type(expected) and bool(value == expected)
