"""Dictionaries of bounded size, for what a process keeps in memory between requests."""

import threading
import time
from collections import OrderedDict
from itertools import islice
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class BoundedDict(Generic[Key, Value]):
    """Keeps the `size` entries that were used most recently. Thread-safe."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[Key, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        """The value, or None. Counts as a use."""
        with self._lock:
            value = self._entries.get(key)
            if value is not None:
                self._entries.move_to_end(key)
            return value

    def put(self, key: Key, value: Value) -> None:
        with self._lock:
            self._entries[key] = value
            self._entries.move_to_end(key)
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def remove(self, key: Key) -> None:
        with self._lock:
            self._entries.pop(key, None)

    def newest(self, count: int) -> list[Key]:
        """The keys of the entries that were used most recently, newest first, at most `count`."""
        with self._lock:
            return list(islice(reversed(self._entries), count))

    def __len__(self) -> int:
        return len(self._entries)


class ShortLivedDict(Generic[Key, Value]):
    """Keeps the `size` newest entries, each for `seconds`: then a timer removes it from memory. Thread-safe."""

    def __init__(self, size: int, *, seconds: float) -> None:
        self._size, self._seconds = size, seconds
        # By key: until when, and the value; the oldest first.
        self._entries: OrderedDict[Key, tuple[float, Value]] = OrderedDict()
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def get(self, key: Key) -> Value | None:
        """The value, or None."""
        with self._lock:
            until, value = self._entries.get(key, (0.0, None))
            return value if time.monotonic() < until else None

    def put(self, key: Key, value: Value) -> None:
        with self._lock:
            self._entries.pop(key, None)
            self._entries[key] = time.monotonic() + self._seconds, value
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)
            if self._timer is None:
                self._start_timer()

    def remove(self, key: Key) -> None:
        with self._lock:
            self._entries.pop(key, None)

    def _start_timer(self) -> None:
        self._timer = threading.Timer(self._seconds, self._remove_old)
        self._timer.daemon = True
        self._timer.start()

    def _remove_old(self) -> None:
        now = time.monotonic()
        with self._lock:
            while self._entries and next(iter(self._entries.values()))[0] <= now:
                self._entries.popitem(last=False)
            self._timer = None
            if self._entries:
                self._start_timer()

    def __len__(self) -> int:
        return len(self._entries)
