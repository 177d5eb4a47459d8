"""Celery's door: each task fetches and calls a service. Arguments are IDs and versions, never secrets.

The queue carries hints only. A task that is lost, delivered twice or run by a second beat changes nothing but timing.
"""

import logging
from uuid import UUID

from celery import shared_task
from kombu.exceptions import OperationalError

from apps.connections.services import beats, disconnect, expiry, schedule

logger = logging.getLogger(__name__)


@shared_task(name="connections.refresh_due")
def refresh_due() -> None:
    """Give out what is due, a task each, until shortly before the next beat."""
    beats.note_beat()
    schedule.give_out_due(_give, seconds=4.5)


def _give(token_set_id: UUID, version: int) -> None:
    try:
        refresh_one.delay(str(token_set_id), version)
    except OperationalError:
        logger.warning("broker away: refresh here token_set=%s", token_set_id)
        schedule.refresh_due_one(token_set_id=token_set_id, version=version)


@shared_task(name="connections.refresh_one")
def refresh_one(token_set_id: str, version: int) -> None:
    """Refresh one token set, if it still is at `version`."""
    schedule.refresh_due_one(token_set_id=UUID(token_set_id), version=version)


@shared_task(name="connections.finish_disconnects")
def finish_disconnects() -> None:
    """Finish disconnects that a dying process left half done."""
    disconnect.finish_disconnects()


@shared_task(name="connections.expire_attempts")
def expire_attempts() -> None:
    """Settle trips from which nobody came back."""
    expiry.expire_attempts()
