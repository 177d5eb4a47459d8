"""What must hold before web, worker or beat starts, beyond what the settings check."""

import logging
from typing import Any

from celery.signals import beat_init, worker_init
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections

logger = logging.getLogger(__name__)


def require_keys_in_use() -> None:
    """Raise ImproperlyConfigured if rows need a vault key that is not configured.

    Without a database this cannot be known: then the process starts, and /readyz reports both.
    """
    from apps.vault.checks import check_keys_in_use

    try:
        errors = check_keys_in_use(None, databases=["default"])
    except DatabaseError:
        return
    finally:
        connections.close_all()
        close_pool()
    if errors:
        raise ImproperlyConfigured(" ".join(f"{error.msg} {error.hint}" for error in errors))


def connection_warning() -> str:
    """Why the processes can open more database connections than the server allows; "" if they cannot."""
    from apps.web.database_connections import connection_problem

    try:
        return connection_problem()
    finally:
        connections.close_all()
        close_pool()


def close_pool() -> None:
    """Close the pool of database connections, whose threads would not exist in a forked process."""
    connection: Any = connections["default"]
    if connection.vendor == "postgresql":
        connection.close_pool()


@worker_init.connect
@beat_init.connect
def _before_celery(**_: Any) -> None:
    """Celery logs exceptions of signal receivers and goes on, but not SystemExit."""
    try:
        require_keys_in_use()
        if warning := connection_warning():
            logger.warning("%s", warning)
    except ImproperlyConfigured as error:
        raise SystemExit(str(error)) from error
