"""The processes' settings fit the number of connections that the database server allows."""

from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from apps.web.database_connections import check_connections, connection_problem, connections_at_most

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def processes(settings: Any) -> None:
    settings.WEB_CONCURRENCY, settings.WEB_THREADS, settings.WORKER_THREADS = 3, 64, 8


@pytest.mark.parametrize(("pool", "most"), [(10, 3 * 10 + 10), (5, 3 * 5 + 5), (0, 3 * 65 + 10)])
def test_processes_open_their_pool_or_a_connection_for_each_thread(settings: Any, pool: int, most: int) -> None:
    settings.DATABASE_POOL = pool
    assert connections_at_most() == most


def test_more_connections_than_the_server_allows_are_reported(settings: Any) -> None:
    settings.DATABASE_POOL = 5000
    if connection.vendor != "postgresql":
        assert connection_problem() == ""
        return
    assert "15010 database connections" in connection_problem()
    assert [warning.id for warning in check_connections(None, databases=["default"])] == ["web.W001"]
    assert check_connections(None) == []
    settings.WEB_CONCURRENCY, settings.DATABASE_POOL = 1, 1
    assert connection_problem() == ""
    call_command("check", databases=["default"])
