"""The spool: while the database is unavailable at commit, new tokens are kept as ciphertext in a file.

A rotated refresh token exists only in the response that issued it, so it must not be lost because PostgreSQL restarts.
The files hold nothing but ciphertext and are replayed, by version, before anything else is refreshed.
"""

import base64
import contextlib
import json
import logging
import os
import time
from dataclasses import dataclass, field
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
from apps.connections.services.refresh_outcome import commit_tokens
from apps.vault.envelope import Ciphertext

logger = logging.getLogger(__name__)

DATABASE_UNAVAILABLE = (OperationalError, InterfaceError)
# A commit also fails otherwise: a server that became read-only raises InternalError.
NOT_COMMITTED = (DatabaseError, InterfaceError)


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
    """The ID of this host's spool, created on first use. Processes that share the directory share the ID."""
    return _host_id(folder())


@cache
def _host_id(directory: Path) -> str:
    path = directory / ".host-id"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = directory / f".host-id.{os.getpid()}"
        new.write_text(str(uuid4()), encoding="ascii")
        with contextlib.suppress(FileExistsError):
            os.link(new, path)  # the first process wins, with the whole file
        new.unlink()
        return path.read_text(encoding="ascii")[:36]
    except OSError as error:
        logger.warning("no host ID: the spool cannot be written error=%s", type(error).__name__)
        return ""


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
    _write(pending)
    metrics.pending_spooled()
    return None


def _commit(pending: PendingTokens, *, origin: Origin) -> bool:
    row = (
        pending.row
        or TokenSet.objects.with_everything().filter(pk=pending.token_set_id, version=pending.version).first()
    )
    return row is not None and commit_tokens(
        row, pending.values, granted=pending.granted, lost=pending.lost, origin=origin
    )


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


def replay() -> int:
    """Commit the files in the spool. The number of files committed or stale; 0 while the database is unavailable."""
    settled = 0
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
    return settled
