"""Counting calls for all processes together, without asking the cache at each of them.

A process counts for itself and adds what it counted to the cache every few calls, or after a second. So a count may
lack a few calls of each other process, and the cache, which is a folder where there is no Redis, is asked seldom.
"""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from django.core.cache import cache

TELL_EVERY = 1.0
_REMEMBERED = 10_000


@dataclass
class _Count:
    told: int = 0
    untold: int = 0
    notified_at: float = float("-inf")
    looked_at: float = float("-inf")


class CallCounter:
    """What this process counted, by key, and has told the others or will."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def add(self, key: str, *, batch: int, timeout: int) -> int:
        """One more call: how many there are, of which those of another process may lack less than `batch`, and none
        that are older than a second. `timeout` (seconds) is how long the cache keeps the count.

        Raises whatever the cache's client raises, and ValueError where the cache forgot in between.
        """
        now = time.monotonic()
        with self._lock:
            count = self._count(key)
            count.untold += 1
            if count.untold < batch and now - count.notified_at < TELL_EVERY:
                return count.told + count.untold
            untold, count.untold = count.untold, 0
        told = added(key, untold, timeout=timeout)
        with self._lock:
            count.told, count.notified_at = max(count.told, told), now
            return count.told + count.untold

    def look(self, key: str) -> int:
        """How many there are, of which those of another process may lack a second's. Raises as the cache's client."""
        now = time.monotonic()
        with self._lock:
            count = self._count(key)
            if now - max(count.notified_at, count.looked_at) < TELL_EVERY:
                return count.told + count.untold
        told = int(cache.get(key, 0))
        with self._lock:
            count.told, count.looked_at = max(count.told, told), now
            return count.told + count.untold

    def _count(self, key: str) -> _Count:
        count = self._counts.setdefault(key, _Count())
        self._counts.move_to_end(key)
        if len(self._counts) > _REMEMBERED:
            self._counts.popitem(last=False)
        return count


def added(key: str, by: int, *, timeout: int) -> int:
    """What the cache counts for the key, after adding to it. Raises as `Tally.add` does."""
    try:
        return cache.incr(key, by)
    except ValueError:  # nobody counted yet
        cache.add(key, 0, timeout=timeout)
        return cache.incr(key, by)
