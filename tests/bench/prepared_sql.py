"""CPU time of the SELECT of a token set: prepared SQL against the queryset. `python -m tests.bench.prepared_sql`.

Runs in an in-memory SQLite database, so that the ORM's share is visible; prints microseconds of CPU time per call.
"""

import os
import time
from collections.abc import Callable
from typing import Any

CALLS = 300


def cpu_microseconds(call: Callable[[], Any], *, calls: int = CALLS) -> float:
    """Microseconds of this process's CPU time per call, the best of three runs."""
    call()
    best = float("inf")
    for _ in range(3):
        before = time.process_time()
        for _ in range(calls):
            call()
        best = min(best, time.process_time() - before)
    return best / calls * 1e6


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    os.environ["DATABASE_URL"] = "sqlite://:memory:"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)

    from apps.connections.models import TokenSet
    from apps.sql import PreparedSelect, param
    from tests.connections.rows import make_connection, make_integration

    connection_id = make_connection(make_integration()).pk
    prepared = PreparedSelect(
        lambda: TokenSet.objects.with_everything().filter(connection=param(TokenSet, "connection"))
    )
    prebuilt = TokenSet.objects.with_everything().filter(connection=connection_id)
    measured = {
        "prepared": cpu_microseconds(lambda: prepared.one(connection=connection_id)),
        "prebuilt queryset": cpu_microseconds(lambda: list(prebuilt.all())),
        "new queryset": cpu_microseconds(
            lambda: list(TokenSet.objects.with_everything().filter(connection=connection_id))
        ),
    }
    for name, microseconds in measured.items():
        print(f"{name:>18}: {microseconds:7.0f} µs of CPU time per call")  # noqa: T201 - the output of the command


if __name__ == "__main__":
    main()
