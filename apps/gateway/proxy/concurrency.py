"""How many calls one process runs at a time: each occupies one of its threads, and pages need some of them too.

Callers share the slots by dynamic thresholds (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory
packet switches", 1998): a caller may hold at most a multiple of the slots that are still free. Alone, one may hold a
large part of them; the more are taken, the less anyone gets on top, so that there is a slot left for a newcomer.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Mapping

from django.conf import settings
from django.utils.translation import gettext_noop

from apps.connections.errors import TooManyCalls
from apps.request_slots import before_waiting

# Seconds. Most calls are shorter, so a caller who waits this long usually gets a slot, unless streams occupy them all.
_MAX_WAIT = 1.0
_RETRY_AFTER = 5
# Multiples of the free slots that one holder may have. Alone, a team gets two thirds, a key or connection a half.
_TEAM, _KEY, _CONNECTION = 2, 1, 1


class ConcurrencyLimiter:
    """Limits the calls in flight in this process. Acquire a slot before a call and release it when it is closed."""

    def __init__(self, limit: Callable[[], int]) -> None:
        self._limit = limit
        self._acquired: dict[object, float] = {}
        self._held: Counter[Hashable] = Counter()
        self._released = threading.Condition()

    def acquire(self, shares: Mapping[Hashable, int]) -> Callable[[], None]:
        """A function that releases the slot; calling it again does nothing. Raises TooManyCalls.

        `shares` maps each holder of the call, such as its team, to the multiple of the free slots that it may have.
        """
        with self._released:
            if not self._is_available(shares):
                self._wait(shares)
            return self._taken(shares)

    def acquire_now(self, shares: Mapping[Hashable, int]) -> Callable[[], None] | None:
        """As `acquire`, but None where the call would have to wait."""
        with self._released:
            return self._taken(shares) if self._is_available(shares) else None

    def _taken(self, shares: Mapping[Hashable, int]) -> Callable[[], None]:
        slot = object()
        self._acquired[slot] = time.monotonic()
        self._held.update(shares.keys())
        return lambda: self._release(slot, shares)

    def _wait(self, shares: Mapping[Hashable, int]) -> None:
        """Others get this thread's request slot and database connection meanwhile. Raises TooManyCalls."""
        wait_time = self._wait_time()
        if wait_time:
            before_waiting()
        if not self._released.wait_for(lambda: self._is_available(shares), timeout=wait_time):
            raise TooManyCalls(self._refusal(), retry_after=_RETRY_AFTER)

    def _is_available(self, shares: Mapping[Hashable, int]) -> bool:
        free = self._limit() - len(self._acquired)
        return free > 0 and all(
            not self._held[holder] or self._held[holder] < free * shares[holder] for holder in shares
        )

    def _wait_time(self) -> float:
        """Zero if every running call is a long one: a thread that waits in vain could serve someone else."""
        now = time.monotonic()
        return _MAX_WAIT if any(now - since < _MAX_WAIT for since in self._acquired.values()) else 0.0

    def _refusal(self) -> str:
        if len(self._acquired) >= self._limit():
            return gettext_noop(
                "This server is already running as many calls to services as it can. Try again in a moment."
            )
        return gettext_noop(
            "You already have as many calls in progress as you can have at a time. Try again when one has ended."
        )

    def _release(self, slot: object, shares: Mapping[Hashable, int]) -> None:
        with self._released:
            if self._acquired.pop(slot, None) is None:
                return
            self._held.subtract(shares.keys())
            self._held += Counter()  # drops the holders without a slot
            self._released.notify_all()


def shares_of(*, team: Hashable, caller: Hashable, connection: Hashable) -> dict[Hashable, int]:
    """The shares of a call: by its team, its API key or member, and its connection."""
    return {("team", team): _TEAM, ("caller", caller): _KEY, ("connection", connection): _CONNECTION}


CALLS_IN_FLIGHT = ConcurrencyLimiter(lambda: settings.PROXY_STREAMS)
