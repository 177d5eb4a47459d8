"""The end of a request's time: one thread watches the sockets of all requests, and shuts those whose time is up."""

import heapq
import os
import socket
import threading
import time
from contextlib import suppress
from itertools import count

from apps.egress.errors import NotSent


class Deadline:
    """Ends whatever a socket is doing when the time is up.

    A socket's timeout starts anew with every byte, so the socket is shut down from outside: a duplicate of it, which
    stays valid when TLS takes the original over.
    """

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._twin: socket.socket | None = None
        self.passed = False
        # The request is done: nothing is left to shut.
        self.is_over = False

    def left(self) -> float:
        seconds = self.end - time.monotonic()
        if seconds <= 0:
            raise NotSent("The host could not be reached in time.")
        return seconds

    def watch(self, sock: socket.socket) -> None:
        self._twin = sock.dup()
        _watch.add(self)

    def cut(self) -> None:
        with self._lock, suppress(OSError):
            self.passed = True
            if self._twin:
                self._twin.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with self._lock:
            self.is_over = True
            if self._twin:
                self._twin.close()
                self._twin = None


class _Watch:
    """Deadlines by their ends. The thread sleeps until the nearest one: most requests are over before it wakes."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        # The number keeps two that end at the same moment in order.
        self._by_end: list[tuple[float, int, Deadline]] = []
        self._numbers = count()
        self._thread: threading.Thread | None = None

    def add(self, deadline: Deadline) -> None:
        with self._changed:
            heapq.heappush(self._by_end, (deadline.end, next(self._numbers), deadline))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="egress deadlines", daemon=True)
                self._thread.start()
            elif self._by_end[0][2] is deadline:
                self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                nearest = self._nearest()
                if nearest is None or nearest.end > time.monotonic():
                    self._changed.wait(None if nearest is None else nearest.end - time.monotonic())
                    continue
                heapq.heappop(self._by_end)
            nearest.cut()

    def _nearest(self) -> Deadline | None:
        while self._by_end and self._by_end[0][2].is_over:
            heapq.heappop(self._by_end)
        return self._by_end[0][2] if self._by_end else None


_watch = _Watch()


def _start_anew() -> None:
    """A forked process has none of its parent's threads, nor its requests."""
    global _watch
    _watch = _Watch()


os.register_at_fork(after_in_child=_start_anew)
