"""What must hold before web, worker or beat starts, beyond what the settings check."""

from typing import Any

from celery.signals import beat_init, worker_init
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections


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
    if errors:
        raise ImproperlyConfigured(" ".join(f"{error.msg} {error.hint}" for error in errors))


@worker_init.connect
@beat_init.connect
def _before_celery(**_: Any) -> None:
    """Celery logs exceptions of signal receivers and goes on, but not SystemExit."""
    try:
        require_keys_in_use()
    except ImproperlyConfigured as error:
        raise SystemExit(str(error)) from error
