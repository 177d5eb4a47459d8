"""Celery tasks: each calls one service function. Arguments are IDs and versions, never secrets.

Messages are only hints: one that is lost, delivered twice or sent by a second scheduler affects timing only.
"""

import logging
import threading
from typing import Any
from uuid import UUID

from celery import Task, shared_task
from celery.signals import worker_shutting_down
from django.db import connections
from django.utils import timezone
from kombu.exceptions import OperationalError

from apps.connections.services import (
    attempt_expiry,
    attention_mail,
    bulk_jobs,
    disconnect,
    dispatch_limits,
    expiry_events,
    expiry_mail,
    heartbeat,
    queue_history,
    schedule,
    tracing,
)

logger = logging.getLogger(__name__)
_progress = dispatch_limits.Progress()
_stopping = threading.Event()
# A run begins while the one before ends.
_scheduler_threads = threading.BoundedSemaphore(2)


@shared_task(name="connections.refresh_due", bind=True)
def refresh_due(self: "Task[[], None]") -> None:
    """Dispatch what is due, until shortly before the next scheduler run.

    In a worker, a thread of its own does that: while much is due it goes on and on, and one of the pool's would refresh
    nothing.
    """
    heartbeat.record_heartbeat()
    if self.request.called_directly:
        _dispatch()
    elif _scheduler_threads.acquire(blocking=False):
        threading.Thread(target=_dispatch_in_thread, name="scheduler").start()
    else:
        logger.warning("scheduler run left out: the last two have not ended")


def _dispatch() -> None:
    schedule.dispatch_due(_send, seconds=4.5, progress=_progress)


def _dispatch_in_thread() -> None:
    try:
        _dispatch()
    except Exception:
        logger.exception("scheduler run failed")
    finally:
        connections.close_all()
        _scheduler_threads.release()


@worker_shutting_down.connect
def _end_soon(**_: Any) -> None:
    """A worker that is to stop waits for its tasks."""
    _stopping.set()
    _progress.begin_run()


def _send(rows: list[tuple[UUID, int]]) -> None:
    try:
        refresh_some.delay([(str(token_set_id), version) for token_set_id, version in rows])
    except OperationalError:
        logger.warning("broker unavailable: refreshing in this process token_sets=%s", len(rows))
        schedule.refresh_batch(rows)


@shared_task(name="connections.refresh_some")
def refresh_some(rows: list[tuple[str, int]]) -> None:
    """Refresh the token sets (ID and version) that still have this version."""
    batch = [(UUID(token_set_id), version) for token_set_id, version in rows]
    schedule.refresh_batch(batch, is_stopping=_stopping.is_set)


@shared_task(name="connections.finish_disconnects")
def finish_disconnects() -> None:
    """Complete the disconnects of processes that died."""
    disconnect.finish_disconnects()


@shared_task(name="connections.run_bulk_job")
def run_bulk_job(job_id: str) -> None:
    """Work on a job that changes many connections."""
    bulk_jobs.run_job(UUID(job_id))


@shared_task(name="connections.run_bulk_jobs")
def run_bulk_jobs() -> None:
    """Continue the jobs of processes that died."""
    bulk_jobs.run_open_jobs()


@shared_task(name="connections.expire_attempts")
def expire_attempts() -> None:
    """Settle expired authorization attempts."""
    attempt_expiry.expire_attempts()


@shared_task(name="connections.send_attention_mails")
def send_attention_mails() -> None:
    """Mail people about connections that need attention, and that work again."""
    attention_mail.send_attention_mails()


@shared_task(name="connections.send_expiry_mails")
def send_expiry_mails() -> None:
    """Remind people of keys, grants and API keys that end soon, and emit the events."""
    today = timezone.now().date()
    expiry_mail.send_expiry_mails(today=today)
    expiry_events.emit_expiry_events(today=today)


@shared_task(name="connections.clear_traces")
def clear_traces() -> None:
    """Delete the traces of custom APIs that are older than seven days."""
    tracing.clear_traces()


@shared_task(name="connections.sample_queue")
def sample_queue() -> None:
    """Record how far the refresh queue is behind, and count calls and refreshes, for the operators' charts."""
    queue_history.sample_queue()
    queue_history.count_events()
