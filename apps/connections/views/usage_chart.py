"""The chart of a connection's calls and failures: bars in SVG units, and a text alternative. Pure."""

from dataclasses import dataclass

from apps.connections.services.usage import Day, Usage

WIDTH, CALLS_HEIGHT, FAILURES_HEIGHT = 600, 136, 36
# The share of a day's width that its bar fills.
_FILL = 0.7


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


def chart_of(usage: Usage) -> Chart:
    """The chart of a usage period. Days without a failure have no bar in the lower plot."""
    days, slot = usage.days, WIDTH / len(usage.days)
    calls_top = round_up(max(day.calls for day in days))
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
        calls_text=_text("Calls", [(day, day.calls) for day in days]),
        failures_text=_text("Failures", [(day, day.failures) for day in days]),
        dates=[_date(days[len(days) * part // 4 - (part == 4)]) for part in range(5)],
        failure_share=f"{100 * usage.failures / usage.calls:.1f} %" if usage.calls else "",
    )


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
    return Bar(
        title=f"{_date(day)}: {_count(day.calls, 'call')}, {_count(day.failures, 'failure')}",
        left=_number(left),
        slot=_number(slot),
        x=_number(left + slot * (1 - _FILL) / 2),
        y=_number(height - bar_height),
        width=_number(slot * _FILL),
        height=_number(bar_height),
    )


def _text(what: str, values: list[tuple[Day, int]]) -> str:
    busiest, most = max(values, key=lambda pair: pair[1])
    total = sum(value for _, value in values)
    if not total:
        return f"{what} per day: none"
    quiet = sum(not value for _, value in values)
    return f"{what} per day: {total} in total, {most} on {_date(busiest)} (the most), none on {_count(quiet, 'day')}"


def _date(day: Day) -> str:
    return f"{day.day:%-d %b}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
