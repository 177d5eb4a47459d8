"""`manage.py refresh_due`: refresh the tokens that are due, without Celery."""

import time
from argparse import ArgumentParser
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from apps.connections.services import attempt_expiry, disconnect, heartbeat, schedule, tracing
from apps.integrations.oauth_apps import alerts


class Command(BaseCommand):
    help = "Refresh the tokens that are due. With --loop, every few seconds until interrupted (Ctrl-C)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--loop", action="store_true", help="repeat until interrupted")
        parser.add_argument("--threads", type=int, default=1, help="refreshes at the same time (default 1)")
        parser.add_argument("--every", type=float, default=5.0, help="seconds between two runs (default 5)")

    def handle(self, *args: Any, loop: bool, every: float, threads: int, **options: Any) -> None:
        if not loop:
            self.stdout.write(f"{self._run(threads)} due")
            return
        try:
            while True:
                if not self._run_safely(threads):
                    time.sleep(self._pause(every))
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")

    def _run_safely(self, threads: int) -> int:
        """The number that were due; 0 while the database is unavailable, which does not end the loop."""
        try:
            count = self._run(threads)
        except (OperationalError, InterfaceError) as error:
            connection.close()
            self.stderr.write(f"The database is unavailable ({type(error).__name__}). The next run tries again.")
            return 0
        if count:
            self.stdout.write(f"{count} due")
        return count

    def _pause(self, every: float) -> float:
        """Until the next refresh is due, at least a moment and at most `every` seconds."""
        try:
            wait = schedule.seconds_until_due(within=every)
        except (OperationalError, InterfaceError):
            return every
        return every if wait is None else min(max(wait, schedule.PAUSES[-1]), every)

    def _run(self, threads: int) -> int:
        heartbeat.record_heartbeat()
        disconnect.finish_disconnects()
        attempt_expiry.expire_attempts()
        tracing.clear_traces()
        alerts.alert_maintainers(today=timezone.now().date())
        rows = schedule.claim_due()
        if threads == 1:
            schedule.refresh_batch(rows)
        else:
            with ThreadPoolExecutor(max_workers=threads) as pool:
                list(pool.map(_refresh_in_thread, rows))
        return len(rows)


def _refresh_in_thread(row: tuple[UUID, int]) -> None:
    try:
        schedule.refresh_batch([row])
    finally:
        connection.close()
