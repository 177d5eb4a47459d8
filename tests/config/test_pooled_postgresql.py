"""Connections of the pool: replaced when the server has ended them, and rarely asked when nothing has happened."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import environ
import psycopg
import pytest
from django.db.utils import ConnectionHandler
from psycopg_pool import ConnectionPool

from config.pooled_postgresql import base
from config.pooled_postgresql.base import DatabaseWrapper, PooledConnection
from tests.services import own_postgresql_database

pytestmark = pytest.mark.needs_postgresql


@pytest.fixture
def url() -> Iterator[str]:
    with own_postgresql_database() as made:
        yield made


@pytest.fixture
def pooled(url: str, django_db_blocker: Any) -> Iterator[DatabaseWrapper]:
    pool = {"connection_class": PooledConnection, "min_size": 0, "max_size": 2, "timeout": 20}
    config = {"ENGINE": "config.pooled_postgresql", "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False}
    config |= environ.Env.db_url_config(url) | {"ENGINE": config["ENGINE"], "OPTIONS": {"pool": pool}}
    handler: Any = ConnectionHandler({"default": {}, "pooled": config})
    database: DatabaseWrapper = handler["pooled"]
    with django_db_blocker.unblock():
        yield database
        database.close()
        database.close_pool()


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Mock:
    counted = Mock(wraps=ConnectionPool.check_connection)
    monkeypatch.setattr(ConnectionPool, "check_connection", counted)
    return counted


def backend(database: DatabaseWrapper) -> int:
    """The server's process for the connection that a request gets, which then returns it."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    database.close()
    return int(pid)


def end(url: str, pid: int) -> None:
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 20000)", [pid])


def test_a_connection_that_the_server_has_ended_is_replaced(url: str, pooled: DatabaseWrapper) -> None:
    first = backend(pooled)
    end(url, first)
    assert backend(pooled) != first


def test_all_connections_may_have_ended(url: str, pooled: DatabaseWrapper) -> None:
    pooled.ensure_connection()
    other = pooled.copy("pooled")
    pids = {backend(other), backend(pooled)}
    assert len(pids) == 2
    for pid in pids:
        end(url, pid)
    assert backend(pooled) not in pids


def test_a_connection_that_answered_a_moment_ago_is_not_asked_again(pooled: DatabaseWrapper, checks: Mock) -> None:
    assert len({backend(pooled) for _ in range(3)}) == 1
    assert checks.call_count == 1


def test_a_connection_is_asked_again_after_a_while(
    pooled: DatabaseWrapper, checks: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend(pooled)
    monkeypatch.setattr(base, "CHECK_INTERVAL", -1.0)
    backend(pooled)
    assert checks.call_count == 2


def test_a_borrowed_connection_is_returned_also_after_an_error(pooled: DatabaseWrapper) -> None:
    first = backend(pooled)
    with pytest.raises(psycopg.errors.DivisionByZero), pooled.borrowed() as connection:
        connection.execute("SELECT 1 / 0")
    with pooled.borrowed() as connection:
        assert connection.info.backend_pid == first
        assert connection.autocommit
    assert backend(pooled) == first
    assert pooled.connection is None


def test_a_borrowed_connection_that_the_server_has_ended_is_replaced(url: str, pooled: DatabaseWrapper) -> None:
    first = backend(pooled)
    end(url, first)
    with pooled.borrowed() as connection:
        assert connection.execute("SELECT pg_backend_pid()").fetchone() != (first,)
