"""The cache in Redis. Requests succeed without it."""

import logging
from time import monotonic
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5.0


class RedisOrLocalCache(BaseCache):
    """Redis while it answers, else this process's memory, so that pages and rate limits (per process) keep working.

    Takes RedisCache's arguments. Entries are not copied between the two, since a cache may lose entries.
    """

    # Shared by all threads of the process: only one call waits for a Redis that hangs, not every call of every request.
    unavailable_until = 0.0

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._redis = RedisCache(server, params)
        self._local = LocMemCache("without-redis", params)

    def _call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        if monotonic() >= RedisOrLocalCache.unavailable_until:
            try:
                return getattr(self._redis, method)(*args, **kwargs)
            except RedisError as error:
                logger.warning("Redis is unavailable, each process uses its own cache: error=%s", type(error).__name__)
                RedisOrLocalCache.unavailable_until = monotonic() + RETRY_SECONDS
        return getattr(self._local, method)(*args, **kwargs)

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return bool(self._call("add", key, value, timeout, version))

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._call("get", key, default, version)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        self._call("set", key, value, timeout, version)

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return bool(self._call("touch", key, timeout, version))

    def delete(self, key: Any, version: int | None = None) -> bool:
        return bool(self._call("delete", key, version))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        return int(self._call("incr", key, delta, version))

    def has_key(self, key: Any, version: int | None = None) -> bool:
        return bool(self._call("has_key", key, version))

    def clear(self) -> None:
        self._call("clear")
