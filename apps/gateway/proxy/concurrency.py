"""How many calls one process runs at a time: each occupies one of its threads, and pages need some of them too."""

import threading
import time
from collections.abc import Callable

from django.conf import settings

from apps.connections.errors import TooManyCalls

# Seconds. Most calls are shorter, so a caller who waits this long usually gets a slot, unless streams occupy them all.
_MAX_WAIT = 1.0
_RETRY_AFTER = 5


class ConcurrencyLimiter:
    """Limits the calls in flight in this process. Acquire a slot before a call and release it when it is closed."""

    def __init__(self, limit: Callable[[], int]) -> None:
        self._limit = limit
        self._acquired: dict[object, float] = {}
        self._released = threading.Condition()

    def acquire(self) -> Callable[[], None]:
        """A function that releases the slot; calling it again does nothing. Raises TooManyCalls."""
        slot = object()
        with self._released:
            if not self._released.wait_for(self._has_free_slot, timeout=self._wait_time()):
                raise TooManyCalls(
                    "This server is already running as many calls to services as it can. Try again in a moment.",
                    retry_after=_RETRY_AFTER,
                )
            self._acquired[slot] = time.monotonic()
        return lambda: self._release(slot)

    def _has_free_slot(self) -> bool:
        return len(self._acquired) < self._limit()

    def _wait_time(self) -> float:
        """Zero if every running call is a long one: a thread that waits in vain could serve someone else."""
        now = time.monotonic()
        return _MAX_WAIT if any(now - since < _MAX_WAIT for since in self._acquired.values()) else 0.0

    def _release(self, slot: object) -> None:
        with self._released:
            self._acquired.pop(slot, None)
            self._released.notify()


CALLS_IN_FLIGHT = ConcurrencyLimiter(lambda: settings.PROXY_STREAMS)
