"""The scheduler's heartbeat, by which operators see whether it runs, and its leader lock. Both are in the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from apps.connections.models import SchedulerHeartbeat
from apps.sql import Now

REFRESH_DUE = "refresh_due"
# The row of the leader lock: held until its time.
DISPATCHING = "dispatching"
# A process that dies or hangs holds the lock no longer than this.
LEADER_LOCK_LIFETIME = timedelta(seconds=5)


def record_heartbeat() -> None:
    """Record that a scheduler run begins."""
    if not SchedulerHeartbeat.objects.filter(name=REFRESH_DUE).update(at=Now()):
        SchedulerHeartbeat.objects.get_or_create(name=REFRESH_DUE, defaults={"at": Now()})


def last_heartbeat() -> datetime | None:
    """When a scheduler run last began; None if there was none."""
    return SchedulerHeartbeat.objects.filter(name=REFRESH_DUE).values_list("at", flat=True).first()


@contextmanager
def leader_lock() -> Iterator[bool]:
    """Whether this process may dispatch what is due until the end of the block.

    Two at once would each count the same free capacity of a service, and dispatch too much together.
    """
    rows = SchedulerHeartbeat.objects.filter(name=DISPATCHING)
    if not rows.filter(at__lt=Now()).update(at=Now() + LEADER_LOCK_LIFETIME):
        _, created = SchedulerHeartbeat.objects.get_or_create(
            name=DISPATCHING, defaults={"at": Now() + LEADER_LOCK_LIFETIME}
        )
        if not created:
            yield False
            return
    try:
        yield True
    finally:
        rows.update(at=Now() - timedelta(seconds=1))
