"""The last resort of a refresh: when the database is away at commit, new tokens wait as ciphertext in a file.

A rotated refresh token exists only in the answer that brought it, so it is never dropped because PostgreSQL restarts.
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
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from apps.audit.origin import Origin
from apps.connections import metrics
from apps.connections.models import TokenSet
from apps.connections.policy.refresh_policy import COMMIT_RETRIES
from apps.connections.services.refresh_outcome import commit_tokens
from apps.vault.envelope import Ciphertext

logger = logging.getLogger(__name__)

DATABASE_AWAY = (OperationalError, InterfaceError)
# More than that keeps a commit from happening: a server that fell back to read-only raises InternalError.
NOT_COMMITTED = (DatabaseError, InterfaceError)


@dataclass(frozen=True)
class Arrival:
    """New tokens on their way to the database: column values (ciphertext, times, numbers) for one token set version.

    `row` is that version as it was claimed; one that waited in the spool is looked up anew.
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
    def from_json(cls, text: str) -> "Arrival":
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
    """Where the files wait; on a disk that outlives the process."""
    return Path(settings.SPOOL_DIR)


def store(arrival: Arrival, *, origin: Origin) -> bool | None:
    """Commit an arrival, again and again while the database is away, and at last into the spool.

    True: written. False: fenced, another version stands. None: it waits in the spool.
    """
    until = time.monotonic() + COMMIT_RETRIES.total_seconds()
    pause = 0.1
    while True:
        try:
            return _commit(arrival, origin=origin)
        except NOT_COMMITTED:
            with contextlib.suppress(Exception):
                connection.close()
            if time.monotonic() + pause > until:
                break
            time.sleep(pause)
            pause = min(pause * 2, 2)
            metrics.commit_retried()
    _write(arrival)
    metrics.arrival_spooled()
    return None


def _commit(arrival: Arrival, *, origin: Origin) -> bool:
    row = (
        arrival.row
        or TokenSet.objects.with_everything().filter(pk=arrival.token_set_id, version=arrival.version).first()
    )
    return row is not None and commit_tokens(
        row, arrival.values, granted=arrival.granted, lost=arrival.lost, origin=origin
    )


def _write(arrival: Arrival) -> None:
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder() / f"{arrival.token_set_id}.{arrival.version}.json"
    partial = path.with_suffix(".partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(arrival.to_json())
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    directory = os.open(folder(), os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    logger.error("database away: new tokens wait in the spool token_set=%s", arrival.token_set_id)


def replay() -> int:
    """Commit what waits in the spool; the number of files settled. Raises nothing while the database is still away."""
    settled = 0
    for path in sorted(folder().glob("*.json")):
        try:
            arrival = Arrival.from_json(path.read_text(encoding="utf-8"))
            written = _commit(arrival, origin=Origin(kind="system", id="", label="Specway"))
        except FileNotFoundError:  # another process was faster
            continue
        except DATABASE_AWAY:
            break
        except (DatabaseError, ValueError, KeyError, TypeError) as error:
            # It stays for whoever can read it, and must not keep the others waiting.
            logger.error("spool file not replayed name=%s error=%s", path.name, type(error).__name__)
            continue
        path.unlink(missing_ok=True)
        settled += 1
        metrics.arrival_replayed(written=written)
        logger.warning("spool replayed token_set=%s written=%s", arrival.token_set_id, written)
    return settled
