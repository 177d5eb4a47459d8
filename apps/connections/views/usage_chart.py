"""The chart of a connection's calls and failures: bars in SVG units, and a text alternative. Pure."""

from dataclasses import dataclass
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.connections.services.usage import Day, Usage
from apps.dates import write_short_day

WIDTH, CALLS_HEIGHT, FAILURES_HEIGHT = 600, 136, 36
# The share of a day's width that its bar fills.
_FILL = 0.7


class _Texts(NamedTuple):
    """The text alternatives of a plot without and with values."""

    none: Promise
    busy: Promise


_CALLS = _Texts(
    _("Calls per day: none"),
    _("Calls per day: %(total)s in total, %(most)s on %(day)s (the most), none on %(quiet)s"),
)
_FAILURES = _Texts(
    _("Failures per day: none"),
    _("Failures per day: %(total)s in total, %(most)s on %(day)s (the most), none on %(quiet)s"),
)


@dataclass(frozen=True)
class Bar:
    """A day's bar, all numbers formatted for SVG. `left` and `slot` are the position and width of the whole day."""

    title: str
    left: str
    slot: str
    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True)
class Chart:
    """Two plots over the same days, with the maxima of their axes, their text alternatives, and the dates below."""

    calls: list[Bar]
    failures: list[Bar]
    calls_top: int
    failures_top: int
    calls_text: str
    failures_text: str
    dates: list[str]
    failure_share: str
    # The day with most failures, and their share of its calls.
    worst: Day | None
    worst_share: str

    @property
    def calls_middle(self) -> int:
        """The number at the middle line of the axis of calls."""
        return self.calls_top // 2


def chart_of(usage: Usage) -> Chart:
    """The chart of a usage period. Days without a failure have no bar in the lower plot."""
    days, slot = usage.days, WIDTH / len(usage.days)
    calls_top = round_up(max(day.calls for day in days))
    worst = max(days, key=lambda day: day.failures)
    failures_top = round_up(max(day.failures for day in days))
    return Chart(
        calls=[_bar(n, day, slot, day.calls, calls_top, CALLS_HEIGHT) for n, day in enumerate(days)],
        failures=[
            _bar(n, day, slot, day.failures, failures_top, FAILURES_HEIGHT)
            for n, day in enumerate(days)
            if day.failures
        ],
        calls_top=calls_top,
        failures_top=failures_top,
        calls_text=_text([(day, day.calls) for day in days], _CALLS),
        failures_text=_text([(day, day.failures) for day in days], _FAILURES),
        dates=[_date(days[len(days) * part // 4 - (part == 4)]) for part in range(5)],
        failure_share=_share(usage.failures, usage.calls),
        worst=worst if worst.failures else None,
        worst_share=_share(worst.failures, worst.calls),
    )


def _share(failures: int, calls: int) -> str:
    return f"{100 * failures / calls:.1f} %" if calls else ""


def round_up(number: int) -> int:
    """The maximum of an axis: the next of 2, 4, 6, 8, 10, 20, 40, …, so that half of it is a whole number."""
    step = 1
    while True:
        for factor in (2, 4, 6, 8, 10):
            if number <= factor * step:
                return factor * step
        step *= 10


def _bar(number: int, day: Day, slot: float, value: int, top: int, height: int) -> Bar:
    bar_height = height * value / top
    left = number * slot
    calls = ngettext("%(n)s call", "%(n)s calls", day.calls) % {"n": day.calls}
    failures = ngettext("%(n)s failure", "%(n)s failures", day.failures) % {"n": day.failures}
    return Bar(
        title=f"{_date(day)}: {calls}, {failures}",
        left=_number(left),
        slot=_number(slot),
        x=_number(left + slot * (1 - _FILL) / 2),
        y=_number(height - bar_height),
        width=_number(slot * _FILL),
        height=_number(bar_height),
    )


def _text(values: list[tuple[Day, int]], texts: _Texts) -> str:
    busiest, most = max(values, key=lambda pair: pair[1])
    total = sum(value for __, value in values)
    if not total:
        return str(texts.none)
    quiet = sum(not value for __, value in values)
    words = {
        "total": total,
        "most": most,
        "day": _date(busiest),
        "quiet": ngettext("%(n)s day", "%(n)s days", quiet) % {"n": quiet},
    }
    return str(texts.busy) % words


def _date(day: Day) -> str:
    return write_short_day(day.day)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
