"""How dates and times are written: in the format that a person chose, else as usual in the active language.

The time zone is the active one. Mail, exports and the API do not follow the person's choice of a format.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from types import MappingProxyType

from django.utils import timezone
from django.utils.dates import MONTHS_3
from django.utils.translation import get_language


@dataclass(frozen=True)
class Format:
    """`strftime` patterns of a day, of a day without its year, and of a time without and with seconds."""

    day: str
    short_day: str
    time: str = "%H:%M"
    seconds: str = "%H:%M:%S"


# {month} is the short name of the month in the active language: strftime's names depend on the machine.
_OF_LANGUAGES = MappingProxyType({"en": Format("%-d {month} %Y", "%-d {month}"), "de": Format("%d.%m.%Y", "%d.%m.")})
FORMATS = MappingProxyType(
    {
        "iso": Format("%Y-%m-%d", "%m-%d"),
        "points": Format("%d.%m.%Y", "%d.%m."),
        "us": Format("%m/%d/%Y", "%m/%d", "%-I:%M %p", "%-I:%M:%S %p"),
        "slashes": Format("%d/%m/%Y", "%d/%m"),
    }
)
_active = ContextVar("date_format", default="")


@contextmanager
def date_format_of(key: str) -> Iterator[None]:
    """Write dates in this format of FORMATS; as usual in the language if there is none of this name."""
    former = _active.set(key)
    try:
        yield
    finally:
        _active.reset(former)


def write_day(moment: date) -> str:
    """The day with its year, such as "30 Nov 2026"."""
    return _write(_local(moment), _format().day)


def write_short_day(moment: date) -> str:
    """The day without its year, such as "30 Nov"."""
    return _write(_local(moment), _format().short_day)


def write_time(moment: datetime, *, seconds: bool = False) -> str:
    """The time of the day, such as "16:30"."""
    chosen = _format()
    return _write(_local(moment), chosen.seconds if seconds else chosen.time)


def write_in_full(moment: datetime) -> tuple[str, str]:
    """The day, and with it the time and its zone, such as "30 Nov 2026" and "30 Nov 2026, 16:30:05 CET"."""
    local, chosen = _local(moment), _format()
    day = _write(local, chosen.day)
    return day, f"{day}, {local.strftime(chosen.seconds)} {local:%Z}"


def _local(moment: date) -> date:
    """A list has many times, so that the active zone is looked up once for each."""
    return timezone.localtime(moment) if isinstance(moment, datetime) and timezone.is_aware(moment) else moment


def _format() -> Format:
    chosen = FORMATS.get(_active.get())
    return chosen or _OF_LANGUAGES.get(get_language() or "en", _OF_LANGUAGES["en"])


def _write(local: date, pattern: str) -> str:
    if "{month}" in pattern:
        pattern = pattern.replace("{month}", _month(get_language() or "en", local.month))
    return local.strftime(pattern)


@cache
def _month(language: str, number: int) -> str:
    """In the active language, which is `language`."""
    return str(MONTHS_3[number]).title()
