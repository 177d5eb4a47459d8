"""Connections that wait for the next request to the same host: few, not for long, and never between two strangers."""

import os
import threading
import time
from collections.abc import Hashable

from apps.egress.wire import Wire

_EACH = 4
_ALL = 64
_WAIT = 15.0
# A connection stays with an address that was checked; so that a changed DNS counts, it does not live for ever.
_LIFE = 60.0


class Pool:
    """By key: where a connection leads, whom it trusts, and whose it is.

    Whose it is, since a host may take a part of one request for another request (a body where it expects none, say),
    and its answer must not be the next caller's.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[Hashable, list[tuple[float, Wire]]] = {}

    def take(self, key: Hashable) -> Wire | None:
        """A connection on which nothing happened meanwhile; None if there is none. Whoever takes it owns it."""
        while True:
            with self._lock:
                wires = self._waiting.get(key)
                if not wires:
                    return None
                since, wire = wires.pop()
                if not wires:
                    del self._waiting[key]
            now = time.monotonic()
            if now - since < _WAIT and now - wire.opened_at < _LIFE and wire.is_quiet():
                return wire
            wire.close()

    def give(self, key: Hashable, wire: Wire) -> None:
        """Takes a connection whose answer was read to its end. What is too much is closed, the oldest first."""
        with self._lock:
            wires = self._waiting.setdefault(key, [])
            wires.append((time.monotonic(), wire))
            surplus = [wires.pop(0)] if len(wires) > _EACH else []
            if sum(map(len, self._waiting.values())) > _ALL:
                surplus.append(self._oldest())
        for _, wire in surplus:
            wire.close()

    def _oldest(self) -> tuple[float, Wire]:
        key = min(self._waiting, key=lambda each: self._waiting[each][0][0])
        found = self._waiting[key].pop(0)
        if not self._waiting[key]:
            del self._waiting[key]
        return found

    def forget(self) -> None:
        """A forked process must not talk on its parent's connections."""
        self._lock = threading.Lock()
        self._waiting = {}


POOL = Pool()
os.register_at_fork(after_in_child=POOL.forget)
