"""A dictionary of bounded size, for what a process keeps in memory between requests."""

import threading
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
