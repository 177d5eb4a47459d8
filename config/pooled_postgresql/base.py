"""Django's PostgreSQL back end, with a pool of connections that are looked at when they are taken, and asked rarely.

Django lets the pool ask the server each time, which is one more query for each request. Here a connection on which
something has arrived, as when the server ended it, is asked before it is used, and any other only now and then: a
network may have forgotten it without a word.
"""

import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool

# Seconds for which a connection need not be asked again.
CHECK_INTERVAL = 5.0


class PooledConnection(psycopg.Connection[Any]):
    """A connection of the pool. `checked_at` (of `time.monotonic`) is when it last answered; 0: not asked yet."""

    checked_at = 0.0

    def works(self) -> bool:
        """Whether it can be used, as far as that shows."""
        if not _is_quiet(self) or time.monotonic() - self.checked_at > CHECK_INTERVAL:
            try:
                ConnectionPool.check_connection(self)
            except psycopg.Error:
                return False
            self.checked_at = time.monotonic()
        return True


def _is_quiet(connection: PooledConnection) -> bool:
    """Whether nothing has arrived: neither a message nor the end of the connection."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)


class DatabaseWrapper(base.DatabaseWrapper):
    """For `DATABASES["default"]` with OPTIONS["pool"] whose `connection_class` is PooledConnection."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection from the pool, which replaces those that do not work. Raises the database's exceptions."""
        get_new: Callable[[dict[str, Any]], PooledConnection] = super().get_new_connection
        return self._working(lambda: get_new(conn_params))

    @contextmanager
    def borrowed(self) -> Iterator[PooledConnection]:
        """A connection for one statement that is a transaction of its own, returned to the pool at the end.

        It has none of the state that Django keeps for transactions, which takes a tenth of the time of such a call to
        set up and to end. Raises psycopg's exceptions.
        """
        pool: Any = self.pool
        pool.open()
        connection = self._working(pool.getconn)
        try:
            yield connection
        finally:
            pool.putconn(connection)

    def _working(self, get: Callable[[], PooledConnection]) -> PooledConnection:
        pool: Any = self.pool
        connection = get()
        for _ in range(pool.max_size):
            if connection.works():
                break
            connection.close()
            pool.putconn(connection)
            connection = get()
        return connection
