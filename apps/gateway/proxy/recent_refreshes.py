"""Tokens that were refreshed after a refused call a moment ago: if such a token is refused too, it is not at fault.

Without this, a caller who is refused for other reasons would cause a refresh with every call.
"""

import threading
import time
from collections import OrderedDict
from uuid import UUID

from apps.gateway.services.calls import RequestCredentials

_MIN_INTERVAL = 60.0
_MAX_ENTRIES = 1_000


class RecentRefreshes:
    """By connection: the token set version that a refresh after a 401 produced, and when. One per process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[UUID, tuple[int, float]] = OrderedDict()

    def add(self, credentials: RequestCredentials) -> None:
        if credentials.token_set is None:
            return
        with self._lock:
            self._entries[credentials.connection.pk] = (credentials.token_set.version, time.monotonic())
            self._entries.move_to_end(credentials.connection.pk)
            while len(self._entries) > _MAX_ENTRIES:
                self._entries.popitem(last=False)

    def may_refresh(self, credentials: RequestCredentials) -> bool:
        """Whether a 401 with these credentials is a reason to refresh."""
        if credentials.token_set is None:
            return False
        with self._lock:
            version, at = self._entries.get(credentials.connection.pk, (0, 0.0))
        return version != credentials.token_set.version or time.monotonic() - at > _MIN_INTERVAL


RECENT_REFRESHES = RecentRefreshes()
