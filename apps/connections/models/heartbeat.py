"""When each scheduled job last ran."""

from django.db import models


class SchedulerHeartbeat(models.Model):
    """When each round of the schedule last began, wherever that was: one row for each name."""

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M:%S}"
