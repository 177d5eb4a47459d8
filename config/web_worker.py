"""The worker of the web server: gunicorn's threads, which stay with a connection for a moment after an answer."""

import select
import threading
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

# A program that calls again and again does so within this time.
_LINGER = 10  # ms


class LingeringWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no type information
    """Serves the next request of a kept connection by the same thread, if it comes at once.

    Gunicorn gives each connection back to its main thread, which waits for the next request and wakes another thread:
    two changes of threads for every call. At most half of the threads linger, and none while requests wait for one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._places = threading.BoundedSemaphore(self.cfg.threads // 2) if self.cfg.threads > 1 else None

    def handle(self, conn: Any) -> Any:
        """As gunicorn's, for as many requests as come at once. Runs in a thread of the pool."""
        while True:
            kept = super().handle(conn)  # also something else than True and False, for connections without a request
            if kept is not True or not self.alive or not self._calls_again(conn):
                return kept

    def _calls_again(self, conn: Any) -> bool:
        if self._places is None or self.tpool._work_queue.qsize() or not self._places.acquire(blocking=False):
            return False
        try:
            waiting = select.poll()
            waiting.register(conn.sock, select.POLLIN)
            return bool(waiting.poll(_LINGER))
        finally:
            self._places.release()
