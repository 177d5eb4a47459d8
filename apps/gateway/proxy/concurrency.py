"""How many calls one process has under way at a time: each takes one of its threads, and the site needs some too."""

import threading
import time
from collections.abc import Callable

from django.conf import settings

from apps.connections.errors import TooManyCalls

# Most calls end in less than this (seconds), so whoever waits so long for a place gets one, unless streams hold them.
_PATIENCE = 1.0
_RETRY_AFTER = 5


class ConcurrencyLimiter:
    """The places of this process. A call takes one before it asks for anything, and gives it back when it is closed."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count
        self._taken: dict[object, float] = {}
        self._free = threading.Condition()

    def take(self) -> Callable[[], None]:
        """Gives what frees the place again, however often it is called. Raises TooManyCalls."""
        place = object()
        with self._free:
            if not self._free.wait_for(self._may_enter, timeout=self._patience()):
                raise TooManyCalls(
                    "This server has as many calls to services under way as it may have. Try again in a moment.",
                    retry_after=_RETRY_AFTER,
                )
            self._taken[place] = time.monotonic()
        return lambda: self._give_back(place)

    def _may_enter(self) -> bool:
        return len(self._taken) < self._count()

    def _patience(self) -> float:
        """Nobody waits where all that is under way has been so for long: threads that wait serve nobody either."""
        now = time.monotonic()
        return _PATIENCE if any(now - since < _PATIENCE for since in self._taken.values()) else 0.0

    def _give_back(self, place: object) -> None:
        with self._free:
            self._taken.pop(place, None)
            self._free.notify()


CALLS_IN_FLIGHT = ConcurrencyLimiter(lambda: settings.PROXY_STREAMS)
