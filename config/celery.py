"""The Celery app and its beat schedule. Tasks live in each app's `tasks.py`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def every(seconds: float, task: str) -> dict[str, object]:
    """A beat entry whose message expires before the next one, so that a queue without a worker does not fill up."""
    return {"task": task, "schedule": seconds, "options": {"expires": seconds}}


app = Celery("specway")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "refresh tokens that are due": every(5.0, "connections.refresh_due"),
    "finish interrupted disconnects": every(60.0, "connections.finish_disconnects"),
    # Sends each warning once, so it may run often: a rejection is reported within a minute, a failed mail sent again.
    "alert the maintainers of OAuth apps": every(60.0, "integrations.alert_oauth_app_maintainers"),
    "send webhooks again": every(5.0, "notifications.deliver_due"),
    "clear old traces of custom APIs": every(3600.0, "connections.clear_traces"),
    "clear expired authorization attempts": every(60.0, "connections.expire_attempts"),
}
