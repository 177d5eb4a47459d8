"""Ending calls in progress whose caller has lost access: key revoked, member removed, share withdrawn, disconnected.

One thread per process checks all calls that run for longer than the interval. It ends a call by shutting down the
receiving side of the caller's socket, which `egress` watches during each wait, and by a flag for servers that expose no
socket.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from secrets import token_hex

from django.db import DatabaseError, connections

from apps import egress
from apps.connections.models import Connection
from apps.connections.services.recheck import require_access
from apps.errors import NotFound
from apps.request_slots import release_connection
from apps.teams.actor import Actor

logger = logging.getLogger(__name__)

INTERVAL = 2.0


@dataclass(eq=False)
class WatchedCall:
    """A call in progress. `is_revoked` is set once its caller has lost access.

    `id` is in the audit events of the call, which shows that they are about the same call.
    """

    connection: Connection
    actor: Actor
    client: egress.ClientSocket | None = field(default=None, repr=False)
    path: str = field(default="", repr=False)
    id: str = field(default_factory=lambda: token_hex(6))
    started: float = field(default_factory=time.monotonic)
    is_revoked: bool = False

    @property
    def holder(self) -> tuple[object, object, object]:
        """What access depends on: calls with the same holder share a check."""
        actor = self.actor
        return self.connection.pk, actor.api_key.pk if actor.api_key else None, actor.user.pk if actor.user else None

    def revoke(self) -> None:
        """End the call."""
        self.is_revoked = True
        if self.client is not None:
            with suppress(OSError):
                # Not an SSLSocket's own method, which would go on without encryption.
                egress.end_waits(self.client)


class RevocationWatch:
    """The calls in progress of this process. The thread that checks them runs while there are any."""

    def __init__(self) -> None:
        self._calls: set[WatchedCall] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, call: WatchedCall) -> None:
        with self._lock:
            self._calls.add(call)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="revocation-watch", daemon=True)
                self._thread.start()

    def remove(self, call: WatchedCall) -> None:
        with self._lock:
            self._calls.discard(call)

    def _run(self) -> None:
        with _database():
            while self._wait():
                for calls in self._by_holder():
                    if not _is_allowed(calls[0]):
                        self._revoke(calls)
                release_connection()

    def _wait(self) -> bool:
        """Wait one interval. False, and the thread ends, if there are no calls then.

        Calls do not wake it, since most have ended before it looks.
        """
        time.sleep(INTERVAL)
        with self._lock:
            if not self._calls:
                self._thread = None
            return bool(self._calls)

    def _revoke(self, calls: list[WatchedCall]) -> None:
        with self._lock:  # a call that has ended may share its socket with the next one
            for call in self._calls.intersection(calls):
                call.revoke()

    def _by_holder(self) -> list[list[WatchedCall]]:
        old = time.monotonic() - INTERVAL
        groups: dict[object, list[WatchedCall]] = defaultdict(list)
        with self._lock:
            for call in self._calls:
                if call.started < old and not call.is_revoked:
                    groups[call.holder].append(call)
        return list(groups.values())


def _is_allowed(call: WatchedCall) -> bool:
    try:
        require_access(call.connection, call.actor)
    except NotFound:
        return False
    except DatabaseError as error:
        logger.warning("calls in progress not checked error=%s", type(error).__name__)
        connections.close_all()
    return True


@contextmanager
def _database() -> Iterator[None]:
    try:
        yield
    finally:
        connections.close_all()


CALLS_IN_PROGRESS = RevocationWatch()
