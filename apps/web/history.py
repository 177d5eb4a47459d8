"""The last 24 hours of the refresh queue and of refreshes, hour by hour, as charts for operators."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count
from django.db.models.functions import TruncHour
from django.utils import timezone

from apps.audit.models import REFRESHES, AuditEvent
from apps.connections.services.queue_history import queue_hours

HOURS = 24
# The units of a chart's drawing, which stretches to the width of its box.
WIDTH, HEIGHT = 240, 40


@dataclass(frozen=True)
class Bar:
    """A bar in the units of the drawing, with its text."""

    x: float
    y: float
    height: float
    title: str


@dataclass(frozen=True)
class Series:
    """Values by hour, oldest first, as bars; `text` is what the drawing shows, for those who do not see it."""

    label: str
    hours: list[datetime]
    values: list[float]
    unit: str

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
        """The hour with the largest value; None if all are 0."""
        return self.hours[self.values.index(self.most)] if self.most else None

    @property
    def bars(self) -> list[Bar]:
        slot, top = WIDTH / max(len(self.values), 1), self.most or 1
        return [
            Bar(
                x=round(number * slot + 1, 2),
                y=round(HEIGHT - HEIGHT * value / top, 2),
                height=round(HEIGHT * value / top, 2),
                title=f"{_clock(hour)}: {_number(value)} {self.unit}",
            )
            for number, (hour, value) in enumerate(zip(self.hours, self.values, strict=True))
            if value
        ]

    @property
    def text(self) -> str:
        if not self.worst_hour:
            return f"{self.label} of each hour: none in {len(self.hours)} hours"
        return f"{self.label} of each hour: at most {_number(self.most)} {self.unit}, at {_clock(self.worst_hour)}"


@dataclass(frozen=True)
class History:
    """Three series over the same hours. `is_sampled` is False as long as no sample of the queue exists."""

    delay: Series
    refreshed: Series
    failed: Series
    is_sampled: bool

    @property
    def first(self) -> datetime:
        return self.delay.hours[0]

    @property
    def last(self) -> datetime:
        return self.delay.hours[-1] + timedelta(hours=1)


def history() -> History:
    """The last HOURS hours, the current one included."""
    last = timezone.now().replace(minute=0, second=0, microsecond=0)
    hours = [last - timedelta(hours=HOURS - 1 - number) for number in range(HOURS)]
    samples = queue_hours(hours[0])
    succeeded, failed = _refreshes(hours[0])
    delays = [samples[hour].longest_delay if hour in samples else 0.0 for hour in hours]
    return History(
        delay=Series("Longest delay", hours, delays, "s"),
        refreshed=Series("Refreshes", hours, [float(succeeded[hour] + failed[hour]) for hour in hours], "refreshes"),
        failed=Series("Failed refreshes", hours, [float(failed[hour]) for hour in hours], "failed"),
        is_sampled=bool(samples),
    )


def _refreshes(since: datetime) -> tuple[Counter[datetime], Counter[datetime]]:
    """The successful and the failed refreshes by hour, by the index of refreshes alone."""
    events = AuditEvent.objects.filter(action__in=REFRESHES, occurred_at__gte=since).order_by()
    rows = events.annotate(hour=TruncHour("occurred_at", tzinfo=timezone.get_fixed_timezone(0)))
    succeeded: Counter[datetime] = Counter()
    failed: Counter[datetime] = Counter()
    for hour, action, count in rows.values_list("hour", "action").annotate(n=Count("pk")):
        (succeeded if action == "connection.refreshed" else failed)[hour] += count
    return succeeded, failed


def _clock(hour: datetime) -> str:
    return f"{timezone.localtime(hour):%H:%M}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"
