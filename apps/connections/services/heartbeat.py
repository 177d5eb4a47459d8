"""The rounds of the schedule: noting that they run, so that operators see when they do not, and taking turns.

In the database, which all machines share.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db.models.functions import Now

from apps.connections.models import SchedulerHeartbeat

REFRESH_DUE = "refresh_due"
# Until its time, one process alone gives out what is due.
DISPATCHING = "giving_out"
# A process that dies or hangs in its turn keeps it no longer than this.
LEADER_LOCK_LIFETIME = timedelta(seconds=5)


def record_heartbeat() -> None:
    """A round of looking for due refreshes begins."""
    if not SchedulerHeartbeat.objects.filter(name=REFRESH_DUE).update(at=Now()):
        SchedulerHeartbeat.objects.get_or_create(name=REFRESH_DUE, defaults={"at": Now()})


def last_heartbeat() -> datetime | None:
    """When a round last began; None if there never was one."""
    return SchedulerHeartbeat.objects.filter(name=REFRESH_DUE).values_list("at", flat=True).first()


@contextmanager
def leader_lock() -> Iterator[bool]:
    """Whether this process alone may give out what is due, to the end of the block.

    Two at once would each count the same room with a service, and together give out more than fits.
    """
    turn = SchedulerHeartbeat.objects.filter(name=DISPATCHING)
    if not turn.filter(at__lt=Now()).update(at=Now() + LEADER_LOCK_LIFETIME):
        _, made = SchedulerHeartbeat.objects.get_or_create(
            name=DISPATCHING, defaults={"at": Now() + LEADER_LOCK_LIFETIME}
        )
        if not made:
            yield False
            return
    try:
        yield True
    finally:
        turn.update(at=Now() - timedelta(seconds=1))
