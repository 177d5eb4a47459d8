"""How many requests a web process works on at a time: the others queue, and one that waits for something else, such as
a service's response, lets the next one in.

A web process has hundreds of threads, since most of them wait for services. Without this limit, a burst of requests
would make all of them compete for the processor and for the database connections of the pool.
"""

import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest, HttpResponse

# Seconds. Then a request goes on without a slot, so that requests that hang for a reason of their own cannot stop all.
MAX_WAIT = 15.0
# Answers whether the process is alive, also when every slot is taken.
LIVENESS_PATH = "/healthz"


class RequestSlots:
    """Slots for the threads of one process."""

    def __init__(self, count: int, *, max_wait: float = MAX_WAIT) -> None:
        self._free = threading.BoundedSemaphore(count)
        self._max_wait = max_wait
        self._mine = threading.local()

    @contextmanager
    def held(self) -> "Iterator[bool]":
        """Hold a slot within the block, at most until `release`. False if none became free within `max_wait`."""
        self._mine.is_held = self._free.acquire(timeout=self._max_wait)
        try:
            yield self._mine.is_held
        finally:
            self.release()

    def release(self) -> None:
        """Release this thread's slot, if it holds one."""
        if getattr(self._mine, "is_held", False):
            self._mine.is_held = False
            self._free.release()


REQUEST_SLOTS = RequestSlots(settings.REQUEST_SLOTS)


class RequestSlotMiddleware:
    """Each request holds a slot while its response is made, except for probes of the process."""

    def __init__(self, get_response: "Callable[[HttpRequest], HttpResponse]") -> None:
        self.get_response = get_response

    def __call__(self, request: "HttpRequest") -> "HttpResponse":
        if request.path_info == LIVENESS_PATH:
            return self.get_response(request)
        with REQUEST_SLOTS.held():
            return self.get_response(request)


def before_waiting() -> None:
    """Call this before a wait for a service or for another process: others get this thread's slot and its database
    connection meanwhile. The thread goes on without a slot, and its next statement takes a connection."""
    REQUEST_SLOTS.release()
    release_connection()


def release_connection() -> None:
    """Return this thread's database connection to the pool. The next statement takes one.

    Does nothing without a pool, where a connection would have to be opened again, and within a transaction.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.settings_dict["OPTIONS"].get("pool") and not connection.in_atomic_block:
        connection.close()
