"""The spool: while the database is unavailable at commit, new tokens are kept as ciphertext in files.

A rotated refresh token exists only in the response that issued it, so it must not be lost because PostgreSQL restarts.
The files hold nothing but ciphertext and are replayed, by version, before anything else is refreshed.
"""

import base64
import contextlib
import json
import logging
import os
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from apps.audit.origin import Origin
from apps.connections import metrics
from apps.connections.models import TokenSet
from apps.connections.policy.refresh_policy import COMMIT_RETRIES
from apps.connections.services.refresh_outcome import commit_tokens, commit_unconfirmed_tokens
from apps.vault.envelope import Ciphertext

logger = logging.getLogger(__name__)

DATABASE_UNAVAILABLE = (OperationalError, InterfaceError)
# A commit also fails otherwise: a server that became read-only raises InternalError.
NOT_COMMITTED = (DatabaseError, InterfaceError)
# Space on the disk for the tokens of many refreshes, whose files have a few kilobytes each.
RESERVE = ".reserve"
RESERVED_BYTES = 2_000_000
# Seconds between two tries to commit what is in the spool; they double up to the longest.
REPLAY_INTERVAL = 1.0
LONGEST_REPLAY_INTERVAL = 15.0


@dataclass(frozen=True)
class PendingTokens:
    """New tokens that are not yet committed: column values (ciphertext, times, numbers) for one token set version.

    `row` is the token set at that version; after a replay it is read from the database.
    """

    token_set_id: UUID
    version: int
    values: dict[str, Any]
    granted: list[str]
    lost: list[str]
    row: TokenSet | None = field(default=None, repr=False, compare=False)

    def to_json(self) -> str:
        return json.dumps(
            {
                "token_set_id": str(self.token_set_id),
                "version": self.version,
                "values": {name: _encoded(value) for name, value in self.values.items()},
                "granted": self.granted,
                "lost": self.lost,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "PendingTokens":
        data = json.loads(text)
        values = {name: _decoded(value) for name, value in data["values"].items()}
        return cls(UUID(data["token_set_id"]), data["version"], values, data["granted"], data["lost"])


def _encoded(value: Any) -> Any:
    if isinstance(value, Ciphertext):
        return {"ciphertext": base64.b64encode(value.to_bytes()).decode()}
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    return value


def _decoded(value: Any) -> Any:
    if isinstance(value, dict) and "ciphertext" in value:
        return Ciphertext.from_bytes(base64.b64decode(value["ciphertext"]))
    if isinstance(value, dict) and "time" in value:
        return datetime.fromisoformat(value["time"])
    return value


def folder() -> Path:
    """The directory of the files, on a disk that outlives the process."""
    return Path(settings.SPOOL_DIR)


def host_id() -> str:
    """The ID of this host's spool. Processes that share the directory share the ID.

    The first use creates the directory with its ID and the reserve, so before any token request of this process. Where
    that fails, this process is a host of its own: its new tokens will be in memory, where no other one sees them.
    """
    return _prepared(folder())


@cache
def _prepared(directory: Path) -> str:
    path = directory / ".host-id"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = directory / f".host-id.{os.getpid()}"
        new.write_text(str(uuid4()), encoding="ascii")
        with contextlib.suppress(FileExistsError):
            os.link(new, path)  # the first process wins, with the whole file
        new.unlink()
        _reserve_space(directory)
        return path.read_text(encoding="ascii")[:36]
    except OSError as error:
        logger.error("the spool cannot be prepared: no space is reserved error=%s", type(error).__name__)
        return str(uuid4())


def _reserve_space(directory: Path) -> None:
    """Hold RESERVED_BYTES on the disk, which are released when it is full, so that new tokens can still be written."""
    path = directory / RESERVE
    if path.exists() and path.stat().st_size >= RESERVED_BYTES:
        return
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, RESERVED_BYTES)


def store(pending: PendingTokens, *, origin: Origin) -> bool | None:
    """Commit new tokens, with retries while the database is unavailable, and write them to the spool if all fail.

    True: committed. False: stale, since another version was committed. None: in the spool.
    """
    until = time.monotonic() + COMMIT_RETRIES.total_seconds()
    pause = 0.1
    while True:
        try:
            return _commit(pending, origin=origin)
        except NOT_COMMITTED:
            with contextlib.suppress(Exception):
                connection.close()
            if time.monotonic() + pause > until:
                break
            time.sleep(pause)
            pause = min(pause * 2, 2)
            metrics.commit_retried()
    _save(pending)
    metrics.pending_spooled()
    return None


def _commit(pending: PendingTokens, *, origin: Origin) -> bool:
    row = (
        pending.row
        or TokenSet.objects.with_everything().filter(pk=pending.token_set_id, version=pending.version).first()
    )
    if row is None:
        return False
    if pending.row is None and _tried_since(row, pending):
        return commit_unconfirmed_tokens(row, pending.values, granted=pending.granted, origin=origin)
    return commit_tokens(row, pending.values, granted=pending.granted, lost=pending.lost, origin=origin)


def _tried_since(row: TokenSet, pending: PendingTokens) -> bool:
    """Whether another process sent the earlier refresh token after the response in the spool: it may be void now."""
    sent_at: datetime = pending.values["obtained_at"]
    return row.last_failure_at is not None and row.last_failure_at > sent_at


def _save(pending: PendingTokens) -> None:
    """Write new tokens to the spool, on a full disk into the reserved space; else keep them in memory. A thread of this
    process then tries to commit them until it succeeds."""
    try:
        try:
            _write(pending)
        except OSError:
            (folder() / RESERVE).unlink(missing_ok=True)
            _write(pending)
    except OSError as error:
        with _memory_lock:
            _in_memory.append(pending)
        with contextlib.suppress(OSError):  # an empty file needs no space
            _memory_mark(pending.token_set_id, pending.version).touch(mode=0o600)
        logger.error(
            "spool not writable: new tokens are in memory token_set=%s error=%s", pending.token_set_id, error.strerror
        )
    start_replaying()


def _memory_mark(token_set_id: UUID, version: int) -> Path:
    """An empty file: a process of this host has the tokens in memory."""
    return folder() / f"{token_set_id}.{version}.memory"


def is_kept(row: TokenSet) -> bool:
    """Whether this host has the response to the last refresh of `row`: a file, or in the memory of a process."""
    mark = _memory_mark(row.pk, row.version)
    return mark.exists() or mark.with_suffix(".json").exists()


# New tokens that could not be written to the disk.
_in_memory: list[PendingTokens] = []
_memory_lock = threading.Lock()
_replaying = threading.Lock()


def start_replaying() -> None:
    """Start the thread that commits what is in the spool and in memory, unless it runs or there is nothing."""
    interval: float | None = getattr(settings, "SPOOL_REPLAY_INTERVAL", REPLAY_INTERVAL)
    if interval is None or not is_pending() or not _replaying.acquire(blocking=False):
        return
    threading.Thread(target=_replay_until_empty, args=(interval,), name="spool", daemon=True).start()


def is_pending() -> bool:
    """Whether new tokens wait in the spool or in memory."""
    return bool(_in_memory) or any(folder().glob("*.json"))


def _replay_until_empty(interval: float) -> None:
    try:
        while is_pending():
            time.sleep(interval)
            interval = min(interval * 2, LONGEST_REPLAY_INTERVAL)
            try:
                replay()
            except Exception:
                logger.exception("spool not replayed")
            finally:
                connection.close()
    finally:
        _replaying.release()


def _write(pending: PendingTokens) -> None:
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder() / f"{pending.token_set_id}.{pending.version}.json"
    partial = path.with_suffix(".partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(pending.to_json())
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    directory = os.open(folder(), os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    logger.error("database unavailable: new tokens are in the spool token_set=%s", pending.token_set_id)


def _replay_memory() -> int:
    """Commit new tokens that could not be written to the disk. The number committed or stale."""
    settled = 0
    with _memory_lock:
        waiting = list(_in_memory)
    for pending in waiting:
        try:
            written = _commit(replace(pending, row=None), origin=Origin(kind="system", id="", label="Specway"))
        except NOT_COMMITTED:
            break
        with _memory_lock:
            if pending in _in_memory:
                _in_memory.remove(pending)
        _memory_mark(pending.token_set_id, pending.version).unlink(missing_ok=True)
        settled += 1
        metrics.pending_replayed(written=written)
    return settled


def replay() -> int:
    """Commit the files in the spool. The number of files committed or stale; 0 while the database is unavailable."""
    settled = _replay_memory()
    for path in sorted(folder().glob("*.json")):
        try:
            pending = PendingTokens.from_json(path.read_text(encoding="utf-8"))
            written = _commit(pending, origin=Origin(kind="system", id="", label="Specway"))
        except FileNotFoundError:  # another process was faster
            continue
        except DATABASE_UNAVAILABLE:
            break
        except (DatabaseError, ValueError, KeyError, TypeError) as error:
            # It stays for an operator to look at, and must not delay the other files.
            logger.error("spool file not replayed name=%s error=%s", path.name, type(error).__name__)
            continue
        path.unlink(missing_ok=True)
        settled += 1
        metrics.pending_replayed(written=written)
        logger.warning("spool replayed token_set=%s written=%s", pending.token_set_id, written)
    if settled:
        with contextlib.suppress(OSError):
            _reserve_space(folder())
    return settled
