"""Patterns that are a list of allowed values. Pure."""

import re
from collections.abc import Sequence


def pattern_of(values: Sequence[str]) -> str:
    """The pattern that allows exactly these values."""
    return "|".join(re.escape(value) for value in values)


def values_in(pattern: str) -> list[str]:
    """The values of a pattern that is a list of allowed values; empty for any other pattern."""
    parts = re.split(r"(?<!\\)\|", pattern)
    values = [re.sub(r"\\(.)", r"\1", part) for part in parts]
    return values if all(values) and [re.escape(value) for value in values] == parts else []
