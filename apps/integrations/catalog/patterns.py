"""Regular expressions from catalog entries and custom APIs, matched in linear time.

Teams enter patterns of their own, and Python's `re` takes exponential time for some. RE2 does not backtrack: its time
is linear in the value, and its memory is limited. Look-around and backreferences are not supported.
"""

from functools import lru_cache
from typing import Any

import re2
from django.utils.translation import gettext_noop

LONGEST_PATTERN = 500
LONGEST_VALUE = 2_000
_MAX_MEMORY = 1_000_000  # bytes for a compiled pattern; repetitions such as (a{100}){100} exceed it


class InvalidPattern(ValueError):
    """Not a regular expression that can be used; the text says why."""


def fullmatch(pattern: str, value: str) -> Any:
    """The match of the whole value, or None, also for a value that is too long. Raises InvalidPattern.

    Character classes such as `\\w` only match ASCII characters.
    """
    return _compiled(pattern).fullmatch(value) if len(value) <= LONGEST_VALUE else None


def group_count(pattern: str) -> int:
    """The number of groups in the pattern. Raises InvalidPattern."""
    groups: int = _compiled(pattern).groups
    return groups


@lru_cache(maxsize=2048)
def _compiled(pattern: str) -> Any:
    if len(pattern) > LONGEST_PATTERN:
        raise InvalidPattern(
            gettext_noop("longer than %(longest_pattern)s characters") % {"longest_pattern": LONGEST_PATTERN}
        )
    options = re2.Options()
    options.max_mem = _MAX_MEMORY
    options.log_errors = False
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        raise InvalidPattern(reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)) from None
