"""Celery's door: each task fetches and calls a service. Arguments are IDs and versions, never secrets.

The queue carries hints only. A task that is lost, delivered twice or run by a second beat changes nothing but timing.
"""

import logging
from uuid import UUID

from celery import shared_task
from kombu.exceptions import OperationalError

from apps.connections.services import attempt_expiry, disconnect, heartbeat, schedule, tracing

logger = logging.getLogger(__name__)


@shared_task(name="connections.refresh_due")
def refresh_due() -> None:
    """Give out what is due, until shortly before the next beat."""
    heartbeat.record_heartbeat()
    schedule.dispatch_due(_give, seconds=4.5)


def _give(rows: list[tuple[UUID, int]]) -> None:
    try:
        refresh_some.delay([(str(token_set_id), version) for token_set_id, version in rows])
    except OperationalError:
        logger.warning("broker away: refresh here token_sets=%s", len(rows))
        schedule.refresh_batch(rows)


@shared_task(name="connections.refresh_some")
def refresh_some(rows: list[tuple[str, int]]) -> None:
    """Refresh token sets, by ID, those that still are at their version."""
    schedule.refresh_batch([(UUID(token_set_id), version) for token_set_id, version in rows])


@shared_task(name="connections.finish_disconnects")
def finish_disconnects() -> None:
    """Finish disconnects that a dying process left half done."""
    disconnect.finish_disconnects()


@shared_task(name="connections.expire_attempts")
def expire_attempts() -> None:
    """Settle trips from which nobody came back."""
    attempt_expiry.expire_attempts()


@shared_task(name="connections.clear_traces")
def clear_traces() -> None:
    """Delete the traces of custom APIs that are older than seven days."""
    tracing.clear_traces()
