"""Celery's filesystem broker, made safe against half-written files and processes that die in the middle.

kombu's own transport writes a message under its final name, so a reader can see an empty file, and keeps its routing
table in a file that a crash can leave permanently unreadable. Here a message is published by one rename and claimed by
one rename, and the routing table is kept in memory (each publisher declares its queue anyway).
A message that was claimed by a process that then died is lost: the queue only carries hints, and the database has the
state.
"""

import errno
import logging
import os
from pathlib import Path
from queue import Empty
from time import time_ns
from typing import Any
from uuid import uuid4

from kombu.transport import filesystem, virtual
from kombu.utils.encoding import bytes_to_str, str_to_bytes
from kombu.utils.json import dumps, loads

logger = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    """Messages are files `<time>_<uuid>.<queue>.msg` in one folder that only its owner can read."""

    supports_fanout = False

    def __init__(self, connection: Any, **kwargs: Any) -> None:
        super().__init__(connection, **kwargs)
        self._require_usable_folder()

    def get_table(self, exchange: str) -> list[Any]:
        return list(virtual.Channel.get_table(self, exchange))

    @property
    def folder(self) -> Path:
        folder = Path(self.transport_options["data_folder_in"])
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def _require_usable_folder(self) -> None:
        """Raises OSError, also where the folder exists but this account may not list it or write into it."""
        folder = self.folder
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))

    def _put(  # type: ignore[override]  # kombu's two base classes name the argument differently
        self, queue: str, payload: dict[str, Any], **kwargs: Any
    ) -> None:
        name = f"{time_ns()}_{uuid4().hex}.{queue}.msg"
        unfinished = self.folder / f"{name}.part"
        with unfinished.open("wb") as file:
            file.write(str_to_bytes(dumps(payload)))
        unfinished.rename(self.folder / name)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        for waiting in self._waiting(queue):
            claimed = waiting.with_suffix(".claimed")
            try:
                waiting.rename(claimed)
            except FileNotFoundError:
                continue  # another worker claimed it
            payload = claimed.read_bytes()
            claimed.unlink()
            try:
                return loads(bytes_to_str(payload))
            except ValueError:
                logger.warning("dropped a damaged message: %s", waiting.name)
        raise Empty

    def _queue_bind(self, exchange: str, routing_key: str | None, pattern: str | None, queue: str | None) -> None:
        """Bindings are kept in memory."""

    def _delete(self, queue: str, *args: Any, **kwargs: Any) -> None:
        self._purge(queue)

    def _purge(self, queue: str) -> int:
        waiting = self._waiting(queue)
        for path in waiting:
            path.unlink(missing_ok=True)
        return len(waiting)

    def _size(self, queue: str) -> int:
        return len(self._waiting(queue))

    def _waiting(self, queue: str) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.name.partition(".")[2] == f"{queue}.msg")


class Transport(filesystem.Transport):
    """A folder that cannot be used is a broker that is down: publishers get OperationalError, and workers reconnect."""

    Channel = Channel
    connection_errors = (*filesystem.Transport.connection_errors, OSError)
