"""Counts calls over all processes without a cache access per call.

Each process counts locally and adds its count to the cache after a batch of calls or a second. So a count may lack a
few calls of other processes. Without Redis the cache is a folder of files, where an access per call would be slow.
"""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from django.core.cache import cache

FLUSH_SECONDS = 1.0
_MAX_KEYS = 10_000


@dataclass
class _Count:
    total: int = 0
    pending: int = 0
    flushed_at: float = float("-inf")


class CallCounter:
    """This process's counts by key. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def add(self, key: str, *, batch: int, timeout: int) -> int:
        """Count one call and return the total, which may lack fewer than `batch` calls of each other process.

        `timeout` (seconds) is how long the cache keeps the count. Raises the exceptions of the cache's client, and
        ValueError if the cache evicted the key.
        """
        now = time.monotonic()
        with self._lock:
            count = self._count(key)
            count.pending += 1
            if count.pending < batch and now - count.flushed_at < FLUSH_SECONDS:
                return count.total + count.pending
            pending, count.pending = count.pending, 0
        total = increment(key, pending, timeout=timeout)
        with self._lock:
            count.total, count.flushed_at = max(count.total, total), now
            return count.total + count.pending

    def _count(self, key: str) -> _Count:
        count = self._counts.setdefault(key, _Count())
        self._counts.move_to_end(key)
        if len(self._counts) > _MAX_KEYS:
            self._counts.popitem(last=False)
        return count


def increment(key: str, by: int, *, timeout: int) -> int:
    """Add to the cache's count and return it. Raises as `CallCounter.add` does."""
    try:
        return cache.incr(key, by)
    except ValueError:  # the key does not exist yet
        cache.add(key, 0, timeout=timeout)
        return cache.incr(key, by)
