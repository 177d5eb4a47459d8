"""Idle connections, kept for the next request to the same host: few, not for long, and each for its owner only."""

import os
import threading
import time
from collections.abc import Hashable

from apps.egress.connection import Connection

_MAX_PER_KEY = 4
_MAX_IDLE = 64
_IDLE_SECONDS = 15.0
# A connection stays with the address that was checked; so that a changed DNS counts, it is not kept indefinitely.
_MAX_AGE = 60.0


class Pool:
    """By key: the destination, the authorities it trusts, and the owner.

    The owner, since a host may take a part of one request for another request (a body where it expects none, say),
    and the response to that must not be the next caller's.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[Hashable, list[tuple[float, Connection]]] = {}

    def take(self, key: Hashable) -> Connection | None:
        """A connection on which nothing happened meanwhile, to be used by the caller alone; None if there is none."""
        while True:
            with self._lock:
                idle = self._idle.get(key)
                if not idle:
                    return None
                since, connection = idle.pop()
                if not idle:
                    del self._idle[key]
            now = time.monotonic()
            if now - since < _IDLE_SECONDS and now - connection.opened_at < _MAX_AGE and connection.is_quiet():
                return connection
            connection.close()

    def give(self, key: Hashable, connection: Connection) -> None:
        """Keeps a connection whose response was read to its end. Surplus ones are closed, the oldest first."""
        with self._lock:
            idle = self._idle.setdefault(key, [])
            idle.append((time.monotonic(), connection))
            surplus = [idle.pop(0)] if len(idle) > _MAX_PER_KEY else []
            if sum(map(len, self._idle.values())) > _MAX_IDLE:
                surplus.append(self._oldest())
        for _, connection in surplus:
            connection.close()

    def _oldest(self) -> tuple[float, Connection]:
        key = min(self._idle, key=lambda each: self._idle[each][0][0])
        found = self._idle[key].pop(0)
        if not self._idle[key]:
            del self._idle[key]
        return found

    def forget(self) -> None:
        """A forked process must not use its parent's connections."""
        self._lock = threading.Lock()
        self._idle = {}


POOL = Pool()
os.register_at_fork(after_in_child=POOL.forget)
