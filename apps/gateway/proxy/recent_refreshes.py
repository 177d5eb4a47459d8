"""Tokens that were renewed for a refused call a moment ago: if one of them is refused too, it is not the token's fault.

Without this, a caller who is refused for other reasons would make the service give a new token with every call.
"""

import threading
import time
from collections import OrderedDict
from uuid import UUID

from apps.gateway.services.calls import RequestCredentials

_AGAIN_AFTER = 60.0
_REMEMBERED = 1_000


class RecentRefreshes:
    """By connection: the version that a refused call brought, and when. Each process remembers its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: OrderedDict[UUID, tuple[int, float]] = OrderedDict()

    def note(self, material: RequestCredentials) -> None:
        if material.token_set is None:
            return
        with self._lock:
            self._made[material.connection.pk] = (material.token_set.version, time.monotonic())
            self._made.move_to_end(material.connection.pk)
            while len(self._made) > _REMEMBERED:
                self._made.popitem(last=False)

    def may_renew(self, material: RequestCredentials) -> bool:
        if material.token_set is None:
            return False
        with self._lock:
            version, at = self._made.get(material.connection.pk, (0, 0.0))
        return version != material.token_set.version or time.monotonic() - at > _AGAIN_AFTER


RECENT_REFRESHES = RecentRefreshes()
