"""The cache that all processes share, in Redis or in a file. Values are JSON, and requests succeed without it."""

import json
import logging
import sqlite3
import time
from pathlib import Path
from random import random
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5.0
# A call to a Redis that hangs waits for one connection and one answer, without retries: less than a second
# in all.
REDIS_OPTIONS: dict[str, Any] = {
    "serializer": "config.cache.JSONSerializer",
    "socket_connect_timeout": 0.5,
    "socket_timeout": 0.4,
    "retry": Retry(NoBackoff(), 0),
}
_UNAVAILABLE = (RedisError, sqlite3.Error, OSError)


class JSONSerializer:
    """For RedisCache. With its default, pickle, anyone who can write to Redis could run code in every process."""

    def dumps(self, value: Any) -> Any:
        """Numbers stay numbers, so that Redis can increment them."""
        return value if type(value) is int else json.dumps(value)

    def loads(self, data: bytes) -> Any:
        """Raises ValueError for anything but JSON."""
        return json.loads(data)


class FileCache(BaseCache):
    """A SQLite file with JSON values, for all processes of one machine. Takes the path as its location."""

    def __init__(self, path: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._path = Path(path)
        self._connection: sqlite3.Connection | None = None

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        self._forget_expired(key, version)
        return self._write("INSERT OR IGNORE INTO entry VALUES (:key, :value, :expires)", key, value, timeout, version)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        found = self._execute(
            "SELECT value FROM entry WHERE key = :key AND (expires IS NULL OR expires > :now)", key, version
        ).fetchone()
        return default if found is None else json.loads(found[0])

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        if random() < 0.01:  # noqa: S311 - spreads the cleaning over the writes
            self._execute("DELETE FROM entry WHERE expires <= :now", key, version)
        self._write("REPLACE INTO entry VALUES (:key, :value, :expires)", key, value, timeout, version)

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        self._forget_expired(key, version)
        return self._write("UPDATE entry SET expires = :expires WHERE key = :key", key, None, timeout, version)

    def delete(self, key: Any, version: int | None = None) -> bool:
        return self._execute("DELETE FROM entry WHERE key = :key", key, version).rowcount > 0

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Raises ValueError if there is no such entry."""
        found = self._execute(
            "UPDATE entry SET value = CAST(value AS INTEGER) + :delta"
            " WHERE key = :key AND (expires IS NULL OR expires > :now) RETURNING value",
            key,
            version,
            delta=delta,
        ).fetchone()
        if found is None:
            raise ValueError(f"Key {key!r} not found")
        return int(found[0])

    def clear(self) -> None:
        self._execute("DELETE FROM entry", "", None)

    def _forget_expired(self, key: Any, version: int | None) -> None:
        self._execute("DELETE FROM entry WHERE key = :key AND expires <= :now", key, version)

    def _write(self, sql: str, key: Any, value: Any, timeout: Any, version: int | None) -> bool:
        expires = self.get_backend_timeout(timeout)
        return self._execute(sql, key, version, value=json.dumps(value), expires=expires).rowcount > 0

    def _execute(self, sql: str, key: Any, version: int | None, **values: Any) -> sqlite3.Cursor:
        if self._connection is None:
            self._connection = self._opened()
        name = self.make_and_validate_key(key, version=version)
        return self._connection.execute(sql, {"key": name, "now": time.time(), **values})

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=1, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")  # what a power cut loses is only a cache
        connection.execute("CREATE TABLE IF NOT EXISTS entry (key TEXT PRIMARY KEY, value TEXT, expires REAL)")
        return connection


class SharedCache(BaseCache):
    """Redis or a FileCache while it works, else this process's memory, so that pages and rate limits keep working.

    Takes RedisCache's arguments, or a path as its location. Entries are not copied between the two, since a cache may
    lose entries.
    """

    # For all threads of the process: only one call waits for a Redis that hangs, not every call of every request.
    unavailable_until = 0.0

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        in_redis = "://" in str(location)
        self._shared: BaseCache = RedisCache(location, params) if in_redis else FileCache(location, params)
        self._local = LocMemCache("without-shared-cache", {**params, "OPTIONS": {}})

    def _call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() >= SharedCache.unavailable_until:
            try:
                return getattr(self._shared, method)(*args, **kwargs)
            except _UNAVAILABLE as error:
                name = type(error).__name__
                logger.warning("the shared cache is unavailable, each process uses its own: error=%s", name)
                SharedCache.unavailable_until = time.monotonic() + RETRY_SECONDS
        return getattr(self._local, method)(*args, **kwargs)

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return bool(self._call("add", key, value, timeout, version))

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """An entry that is not JSON counts as missing."""
        try:
            return self._call("get", key, default, version)
        except ValueError:
            self.delete(key, version)
            return default

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        self._call("set", key, value, timeout, version)

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return bool(self._call("touch", key, timeout, version))

    def delete(self, key: Any, version: int | None = None) -> bool:
        return bool(self._call("delete", key, version))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        return int(self._call("incr", key, delta, version))

    def has_key(self, key: Any, version: int | None = None) -> bool:
        return self.get(key, self._missing_key, version) is not self._missing_key

    def clear(self) -> None:
        self._call("clear")
