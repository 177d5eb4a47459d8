"""How many database connections the product's processes can open, and whether the server has as many."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import DatabaseError, connections

_LIMIT = "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"


def connections_at_most() -> int:
    """The most connections that the web processes and one worker on this machine open together."""
    # Without a pool each thread keeps one; so do the thread that watches calls in progress, and those of the scheduler.
    web = settings.DATABASE_POOL or settings.WEB_THREADS + 1
    worker = settings.WORKER_THREADS + 2
    return int(settings.WEB_CONCURRENCY * web + min(worker, settings.DATABASE_POOL or worker))


def connection_problem() -> str:
    """Why there can be too many connections; "" if there cannot, or the server does not say. Only for PostgreSQL."""
    connection = connections["default"]
    if connection.vendor != "postgresql":
        return ""
    try:
        with connection.cursor() as cursor:
            cursor.execute(_LIMIT)
            (limit,) = cursor.fetchone()
    except DatabaseError:
        return ""
    wanted = connections_at_most()
    if wanted <= limit:
        return ""
    return (
        f"Web ({settings.WEB_CONCURRENCY} processes with {settings.WEB_THREADS} threads) and worker "
        f"({settings.WORKER_THREADS} threads) can open {wanted} database connections, and the server allows {limit}."
    )


@register(Tags.database)
def check_connections(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **options: Any
) -> list[CheckMessage]:
    """The server has as many connections as the processes can open. Runs with `check --database default`."""
    problem = connection_problem() if "default" in (databases or ()) else ""
    hint = "Lower WEB_CONCURRENCY or DATABASE_POOL, or raise max_connections of the server."
    return [Warning(problem, hint=hint, id="web.W001")] if problem else []
