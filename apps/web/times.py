"""Days and times on pages: in the person's format, or how long ago or until."""

from collections.abc import Callable
from datetime import UTC, date, datetime

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from apps import dates

# Up to how many seconds, and the seconds of the unit: seconds, minutes, hours, days. Their words are in the same order.
_UNITS = ((60, 1), (3600, 60), (86400, 3600), (30 * 86400, 86400))
_SINCE: tuple[Callable[[int], str], ...] = (
    lambda n: ngettext("%(n)d s ago", "%(n)d s ago", n),
    lambda n: ngettext("%(n)d min ago", "%(n)d min ago", n),
    lambda n: ngettext("%(n)d h ago", "%(n)d h ago", n),
    lambda n: ngettext("%(n)d d ago", "%(n)d d ago", n),
)
_UNTIL: tuple[Callable[[int], str], ...] = (
    lambda n: ngettext("in %(n)d s", "in %(n)d s", n),
    lambda n: ngettext("in %(n)d min", "in %(n)d min", n),
    lambda n: ngettext("in %(n)d h", "in %(n)d h", n),
    lambda n: ngettext("in %(n)d d", "in %(n)d d", n),
)


def ago(moment: datetime | None, empty: str | None = None) -> SafeString:
    """How long ago `moment` was, with the time in the active time zone as title; `empty` ("never") if it is None."""
    if not moment:
        return format_html("{}", gettext("never") if empty is None else empty)
    seconds = (timezone.now() - moment).total_seconds()
    return _time(moment, gettext("just now") if seconds < 10 else _span(seconds, _SINCE))


def until(moment: datetime | None, empty: str = "") -> SafeString:
    """The time until `moment`, with the time in the active time zone as title; "now" if it has passed."""
    if not moment:
        return format_html("{}", empty)
    seconds = (moment - timezone.now()).total_seconds()
    return _time(moment, gettext("now") if seconds < 1 else _span(seconds, _UNTIL))


def _span(seconds: float, texts: tuple[Callable[[int], str], ...]) -> str:
    """`seconds` in the largest unit below it; "" beyond 30 days, where the date is clearer."""
    for (limit, unit), text_of in zip(_UNITS, texts, strict=True):
        if seconds < limit:
            count = int(seconds // unit)
            return text_of(count) % {"n": count}
    return ""


def _time(moment: datetime, text: str) -> SafeString:
    day, in_full = dates.write_in_full(moment)
    utc = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return format_html('<time datetime="{}" title="{}">{}</time>', utc, in_full, text or day)


def day(moment: date | None) -> str:
    """The day in the person's format: 30 Nov 2026."""
    return dates.write_day(moment) if moment else ""


def short_day(moment: date | None) -> str:
    """The day without its year, in the person's format: 30 Nov."""
    return dates.write_short_day(moment) if moment else ""


def moment(at: datetime | None, parts: str = "") -> str:
    """The day and the time in the person's format: 30 Nov 2026, 16:30. `parts` as of `clock`."""
    return f"{day(at)}, {clock(at, parts)}" if at else ""


def short_moment(at: datetime | None, parts: str = "") -> str:
    """The day without its year and the time: 30 Nov, 16:30. `parts` as of `clock`."""
    return f"{short_day(at)}, {clock(at, parts)}" if at else ""


def clock(moment: datetime | None, parts: str = "") -> str:
    """The time of the day in the person's format: 16:30. `parts`: "s" adds seconds, "z" the zone."""
    if not moment:
        return ""
    zone = f" {timezone.localtime(moment):%Z}" if "z" in parts else ""
    return dates.write_time(moment, seconds="s" in parts) + zone
