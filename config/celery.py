"""The Celery app and its beat schedule. Tasks live in each app's `tasks.py`."""

import os
import threading
from importlib import import_module
from time import monotonic
from typing import Any

from celery import Celery, Task

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Task by name: seconds between two runs.
PERIODS = {
    "connections.refresh_due": 5.0,
    "notifications.deliver_due": 5.0,
    "connections.finish_disconnects": 60.0,
    "connections.expire_attempts": 60.0,
    # Sends each warning once, so it may run often: a rejection is reported within a minute, a failed mail sent again.
    "integrations.alert_oauth_app_maintainers": 60.0,
    "connections.send_attention_mails": 60.0,
    "connections.sample_queue": 60.0,
    "connections.send_expiry_mails": 3600.0,
    "connections.clear_traces": 3600.0,
    "connections.run_bulk_jobs": 60.0,
    "teams.delete_idempotent_requests": 3600.0,
}

_last_runs: dict[str, float] = {}
_last_runs_lock = threading.Lock()


class OncePerPeriod(Task):  # type: ignore[type-arg]  # generic in the stubs only, not in celery
    """Skips a periodic task that this process started less than half a period ago.

    Messages pile up while no worker runs, and a second beat doubles them; either is then cheap. Celery's own `expires`
    would compare the clock of beat's host with that of the worker's: a few seconds apart, and no task runs at all.
    """

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.request.called_directly or _begins_now(self.name):
            return self.run(*args, **kwargs)
        return None


def _begins_now(task: str) -> bool:
    period = PERIODS.get(task)
    if period is None:
        return True
    with _last_runs_lock:
        now = monotonic()
        if now - _last_runs.get(task, -period) < period / 2:
            return False
        _last_runs[task] = now
        return True


import_module("config.startup")  # connects receivers to Celery's signals

app = Celery("specway", task_cls=OncePerPeriod)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {task: {"task": task, "schedule": period} for task, period in PERIODS.items()}
