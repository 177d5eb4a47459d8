"""Days and times on pages: in the person's format, or how long ago or until."""

from datetime import UTC, date, datetime

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext_lazy

from apps import dates

# Up to how many seconds, and the seconds of the unit: seconds, minutes, hours, days. Their words are in the same order.
_UNITS = ((60, 1), (3600, 60), (86400, 3600), (30 * 86400, 86400))
_SINCE = (
    ngettext_lazy("%(n)d s ago", "%(n)d s ago", "n"),
    ngettext_lazy("%(n)d min ago", "%(n)d min ago", "n"),
    ngettext_lazy("%(n)d h ago", "%(n)d h ago", "n"),
    ngettext_lazy("%(n)d d ago", "%(n)d d ago", "n"),
)
_UNTIL = (
    ngettext_lazy("in %(n)d s", "in %(n)d s", "n"),
    ngettext_lazy("in %(n)d min", "in %(n)d min", "n"),
    ngettext_lazy("in %(n)d h", "in %(n)d h", "n"),
    ngettext_lazy("in %(n)d d", "in %(n)d d", "n"),
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


def _span(seconds: float, words: tuple[Promise, ...]) -> str:
    """`seconds` in the largest unit below it; "" beyond 30 days, where the date is clearer."""
    for (limit, unit), text in zip(_UNITS, words, strict=True):
        if seconds < limit:
            return str(text % {"n": int(seconds // unit)})
    return ""


def _time(moment: datetime, text: str) -> SafeString:
    utc, local = moment.astimezone(UTC), timezone.localtime(moment)
    day = dates.write_day(local)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        f"{day}, {dates.write_time(local, seconds=True)} {local:%Z}",
        text or day,
    )


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
