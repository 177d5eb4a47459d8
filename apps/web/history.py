"""The last 24 hours, 7 or 30 days of the refresh queue, refreshes and calls as charts for operators."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count
from django.db.models.functions import TruncHour
from django.utils import timezone
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from apps.audit.models import REFRESHES, AuditEvent
from apps.connections.models import QueueHour
from apps.connections.services.queue_history import queue_hours

HOUR = timedelta(hours=1)
# The hours of one bar by the number of days that a chart shows.
HOURS_OF_BAR = {1: 1, 7: 6, 30: 24}
# The units of a chart's drawing, which stretches to the width of its box.
WIDTH, HEIGHT = 240, 40
_EACH = {
    1: _("%(label)s of each hour"),
    6: _("%(label)s of each period of 6 hours"),
    24: _("%(label)s of each period of 24 hours"),
}


@dataclass(frozen=True)
class Bar:
    """A bar in the units of the drawing, with its text."""

    x: float
    y: float
    height: float
    width: float
    title: str


@dataclass(frozen=True)
class Series:
    """Values by the start of their time (`hours`), oldest first; each is the sum or worst of `step` hours."""

    label: str
    hours: list[datetime]
    values: list[float]
    unit: str
    step: int = 1

    @property
    def total(self) -> int:
        return int(sum(self.values))

    @property
    def most(self) -> float:
        return max(self.values, default=0)

    @property
    def most_text(self) -> str:
        return _number(self.most)

    @property
    def worst_hour(self) -> datetime | None:
        """The start of the time with the largest value; None if all are 0."""
        return self.hours[self.values.index(self.most)] if self.most else None

    @property
    def ticks(self) -> list[str]:
        """The first, middle and last time."""
        return [_clock(self.hours[n], self.step) for n in (0, len(self.hours) // 2, -1)]

    @property
    def bars(self) -> list[Bar]:
        slot, top = WIDTH / max(len(self.values), 1), self.most or 1
        return [
            Bar(
                x=round(number * slot + slot / 10, 2),
                y=round(HEIGHT - HEIGHT * value / top, 2),
                height=round(HEIGHT * value / top, 2),
                width=round(slot * 0.8, 2),
                title=f"{_clock(hour, self.step)}: {_number(value)} {self.unit}",
            )
            for number, (hour, value) in enumerate(zip(self.hours, self.values, strict=True))
            if value
        ]

    @property
    def each(self) -> str:
        """The meaning of a bar."""
        return str(_EACH[self.step] % {"label": self.label})

    @property
    def text(self) -> str:
        """What the drawing shows, for those who do not see it."""
        if not self.worst_hour:
            values = {"each": self.each, "n": len(self.hours) * self.step}
            return gettext("%(each)s: none in %(n)s hours") % values
        at = _clock(self.worst_hour, self.step)
        most = {"each": self.each, "n": _number(self.most), "unit": self.unit, "at": at}
        return gettext("%(each)s: at most %(n)s %(unit)s, at %(at)s") % most


@dataclass(frozen=True)
class History:
    """Five series over the same times. `is_sampled` is False as long as no sample of the queue exists."""

    days: int
    delay: Series
    refreshed: Series
    failed: Series
    calls: Series
    failed_calls: Series
    is_sampled: bool
    is_counted: bool

    @property
    def first(self) -> datetime:
        return self.delay.hours[0]

    @property
    def last(self) -> datetime:
        return self.delay.hours[-1] + timedelta(hours=self.delay.step)

    def rows(self) -> Iterator[list[float]]:
        """What the charts show, for each time: its longest delay, refreshes, failed ones, calls, failed ones."""
        counts = (self.refreshed, self.failed, self.calls, self.failed_calls)
        for number, delay in enumerate(self.delay.values):
            yield [delay, *(int(each.values[number]) for each in counts)]


def history(days: int = 1) -> History:
    """The last `days` days (a key of HOURS_OF_BAR), the current hour included."""
    step, last = HOURS_OF_BAR[days], timezone.now().replace(minute=0, second=0, microsecond=0)
    count = days * 24 // step
    starts = [last + HOUR - timedelta(hours=step) * (count - number) for number in range(count)]
    found = queue_hours(starts[0])
    if days == 1:
        _add_uncounted_refreshes(found, starts[0])
    slots = [[found[hour] for hour in _hours(start, step) if hour in found] for start in starts]

    def summed(label: str, name: str, unit: str) -> Series:
        return Series(label, starts, [float(sum(getattr(row, name) for row in rows)) for rows in slots], unit, step)

    delays = [max((row.longest_delay for row in rows), default=0.0) for rows in slots]
    return History(
        days=days,
        delay=Series(gettext("Longest delay"), starts, delays, "s", step),
        refreshed=summed(gettext("Refreshes"), "refreshes", pgettext("unit of a chart", "refreshes")),
        failed=summed(gettext("Failed refreshes"), "failed_refreshes", pgettext("unit of a chart", "failed")),
        calls=summed(gettext("Calls"), "calls", pgettext("unit of a chart", "calls")),
        failed_calls=summed(gettext("Failed calls"), "failed_calls", pgettext("unit of a chart", "failed")),
        is_sampled=any(row.is_sampled for row in found.values()),
        is_counted=any(row.counted_until for row in found.values()),
    )


def _hours(start: datetime, step: int) -> list[datetime]:
    return [start + HOUR * number for number in range(step)]


def _add_uncounted_refreshes(found: dict[datetime, QueueHour], since: datetime) -> None:
    """Add to the sums the refreshes since the last count, which an index of refreshes finds in the audit log."""
    counted_until = max((row.counted_until for row in found.values() if row.counted_until), default=since)
    events = AuditEvent.objects.filter(action__in=REFRESHES, occurred_at__gte=max(counted_until, since)).order_by()
    rows = events.annotate(hour=TruncHour("occurred_at", tzinfo=timezone.get_fixed_timezone(0)))
    for hour, action, count in rows.values_list("hour", "action").annotate(n=Count("pk")):
        row = found.setdefault(hour, QueueHour(hour=hour, is_sampled=False))
        row.refreshes += count
        row.failed_refreshes += count if action != "connection.refreshed" else 0


def _clock(hour: datetime, step: int = 1) -> str:
    local = timezone.localtime(hour)
    return f"{local:%H:%M}" if step == 1 else f"{local.day} {local:%b, %H:%M}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"
