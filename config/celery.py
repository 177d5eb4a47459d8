"""The Celery app and its beat schedule. Tasks live in each app's `tasks.py`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("specway")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "refresh tokens that are due": {"task": "connections.refresh_due", "schedule": 5.0},
    "finish interrupted disconnects": {"task": "connections.finish_disconnects", "schedule": 60.0},
    "clear expired authorization attempts": {"task": "connections.expire_attempts", "schedule": 60.0},
}
