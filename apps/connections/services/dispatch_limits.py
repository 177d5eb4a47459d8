"""How many refreshes of each OAuth app may be dispatched, so that a slow service does not delay those of others."""

import time
from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from apps.connections.policy.refresh_policy import PARALLEL_CALLS, QUEUE_AHEAD, QUEUE_GROWTH
from apps.integrations.catalog.entries import catalog

# The most token sets that one message to a worker holds.
LARGEST_BATCH = 8
# Seconds after the last dispatch in which refreshes must finish to show that a service responds.
PROGRESS_LASTS = 2.0

# What shares a service's answers: an integration with one OAuth app. Other groups must not wait for it.
Group = tuple[str, UUID | None]


@dataclass
class Progress:
    """How many refreshes of each group were in flight after the last look for due rows, and when some were dispatched.

    It is kept in the memory of one process: without it, each group starts again with QUEUE_AHEAD. `run` is the number
    of the scheduler's run that dispatches.
    """

    in_flight: Counter[Group] = field(default_factory=Counter)
    dispatched_at: dict[Group, float] = field(default_factory=dict)
    run: int = 0

    def begin_run(self) -> int:
        """The number of a new run of the scheduler in this process. The one before ends."""
        self.run += 1
        return self.run

    def is_recent(self) -> bool:
        """Whether some were dispatched lately, so that refreshes get done."""
        return max(self.dispatched_at.values(), default=0.0) > time.monotonic() - PROGRESS_LASTS

    def finished(self, in_flight: Counter[Group]) -> Counter[Group]:
        """How many of each group have finished since the last look, if the service responds at once.

        Nothing is dispatched to a silent service while its calls wait, so that those which time out do not count.
        """
        since = time.monotonic() - PROGRESS_LASTS
        finished = self.in_flight - in_flight
        return Counter({group: finished[group] for group in finished if self.dispatched_at.get(group, since) > since})

    def record(self, in_flight: Counter[Group], dispatched: Counter[Group]) -> None:
        self.in_flight = in_flight + dispatched
        before = {group: at for group, at in self.dispatched_at.items() if group in self.in_flight}
        self.dispatched_at = before | dict.fromkeys(dispatched, time.monotonic())


@dataclass
class Load:
    """What is dispatched now: by group those that a worker has begun and those in the queue, and calls by slug.

    The queue holds few of each group, so that a slow service does not take the threads of all others: at most
    QUEUE_AHEAD, or as many as its workers have begun, or QUEUE_GROWTH times as many as have finished since the last
    look. So the queue of a service that responds does not run empty before the next look, and that of a silent one does
    not grow.
    """

    begun: Counter[Group] = field(default_factory=Counter)
    queued: Counter[Group] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    finished: Counter[Group] = field(default_factory=Counter)

    def in_flight(self) -> Counter[Group]:
        """By group those that were dispatched and have not finished."""
        return self.begun + self.queued

    def available(self, group: Group) -> int:
        """How many more of a group may be dispatched now."""
        return min(self._queue_limit(group) - self.queued[group], parallel_calls(group[0]) - self.calls[group[0]])

    def batch_size(self, group: Group, *, due: int) -> int:
        """How many of a group, of which so many are `due`, one message to a worker holds: each waits for those before.

        One, unless its service responds to many at once: then each of its busy threads still finds a message, also
        among the last ones. A message costs a worker about as much processor time as a refresh.
        """
        messages = max(2 * QUEUE_AHEAD, self.begun[group])
        return max(1, min(LARGEST_BATCH, self._queue_limit(group) // messages, due // messages))

    def _queue_limit(self, group: Group) -> int:
        return max(QUEUE_AHEAD, self.begun[group], QUEUE_GROWTH * self.finished[group])

    def waiting_apps(self) -> list[UUID]:
        """The OAuth apps whose groups are at their limits, so that their rows do not hide those of others."""
        return [app for (slug, app) in self.queued if app is not None and self.available((slug, app)) <= 0]

    def within_limits(self, chosen: list[UUID], groups: dict[UUID, Group]) -> list[UUID]:
        """Those of `chosen` that the integrations' limits allow, over all of their OAuth apps."""
        taken: list[UUID] = []
        for key in chosen:
            slug = groups[key][0]
            if self.calls[slug] < parallel_calls(slug):
                self.calls[slug] += 1
                taken.append(key)
        return taken


def parallel_calls(slug: str) -> int:
    """How many refreshes of one integration may be dispatched at once."""
    entry = catalog().get(slug)
    return (entry.oauth2.refresh.parallel_calls if entry and entry.oauth2 else None) or PARALLEL_CALLS
