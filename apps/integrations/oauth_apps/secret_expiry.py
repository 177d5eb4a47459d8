"""When to warn that the secret of an OAuth app ends, and in which words. Pure: the caller says what day it is."""

from datetime import date

# Days before the end; what has ended is told once more.
THRESHOLDS = (60, 30, 7)
ENDED = -1


def threshold(expires_on: date, *, today: date) -> int | None:
    """The narrowest threshold that is reached: 60, 30 or 7 (days left, at most), ENDED, or None while there is time."""
    left = (expires_on - today).days
    if left < 0:
        return ENDED
    return min((days for days in THRESHOLDS if left <= days), default=None)


def in_words(expires_on: date, *, today: date) -> str:
    """When the secret ends, as one skims it: "in 12 days (6 Dec 2026)"."""
    left = (expires_on - today).days
    when = "ended" if left < 0 else {0: "today", 1: "tomorrow"}.get(left, f"in {left} days")
    return f"{when} ({expires_on:%-d %b %Y})"
