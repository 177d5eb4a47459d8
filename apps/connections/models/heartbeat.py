"""When the scheduler last ran."""

from django.db import models


class SchedulerHeartbeat(models.Model):
    """One row for each name of `services.heartbeat`: when the last run began, or until when the lock is held."""

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M:%S}"
