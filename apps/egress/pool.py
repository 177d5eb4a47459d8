"""Idle connections, kept for the next request to the same host: few, not for long, and each for its owner only."""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import NamedTuple

from apps.egress.connection import Connection

_MAX_PER_KEY = 4
# Calls spread over many owners. An idle TLS connection takes 30 to 100 kB, by the size of what it received.
_MAX_IDLE = 256
_IDLE_SECONDS = 15.0
# A connection stays with the address that was checked; so that a changed DNS counts, it is not kept indefinitely.
_MAX_AGE = 60.0


class _Idle(NamedTuple):
    """Since when a connection is idle (of `time.monotonic`), and its key."""

    since: float
    key: Hashable


class Pool:
    """By key: the destination, the authorities it trusts, and the owner.

    The owner, since a host may take a part of one request for another request (a body where it expects none, say),
    and the response to that must not be the next caller's.
    """

    def __init__(self) -> None:
        self.forget()

    def take(self, key: Hashable) -> Connection | None:
        """A connection on which nothing happened meanwhile, to be used by the caller alone; None if there is none."""
        while True:
            with self._lock:
                idle = self._by_key.get(key)
                if not idle:
                    return None
                since, connection = self._idle[idle[-1]].since, self._remove(idle[-1])
            now = time.monotonic()
            if now - since < _IDLE_SECONDS and now - connection.opened_at < _MAX_AGE and connection.is_quiet():
                return connection
            connection.close()

    def give(self, key: Hashable, connection: Connection) -> None:
        """Keeps a connection whose response was read to its end. Closes surplus ones, the oldest first, and those that
        have been idle for too long."""
        now = time.monotonic()
        with self._lock:
            self._idle[connection] = _Idle(now, key)
            of_key = self._by_key.setdefault(key, [])
            of_key.append(connection)
            closed = [self._remove(of_key[0])] if len(of_key) > _MAX_PER_KEY else []
            while self._idle:
                oldest = next(iter(self._idle))
                if len(self._idle) <= _MAX_IDLE and now - self._idle[oldest].since < _IDLE_SECONDS:
                    break
                closed.append(self._remove(oldest))
        for each in closed:
            each.close()

    def _remove(self, connection: Connection) -> Connection:
        key = self._idle.pop(connection).key
        self._by_key[key].remove(connection)
        if not self._by_key[key]:
            del self._by_key[key]
        return connection

    def forget(self) -> None:
        """A forked process must not use its parent's connections."""
        self._lock = threading.Lock()
        # In the order in which they were given back, and those of each key in this order.
        self._idle: OrderedDict[Connection, _Idle] = OrderedDict()
        self._by_key: dict[Hashable, list[Connection]] = {}


POOL = Pool()
os.register_at_fork(after_in_child=POOL.forget)
