"""How long refreshes waited, hour by hour, for the operators' chart."""

from django.db import models


class QueueHour(models.Model):
    """The worst of one hour: most refreshes that were due at once, and the longest that one was overdue."""

    hour = models.DateTimeField(primary_key=True)
    most_due = models.PositiveIntegerField(default=0)
    longest_delay = models.FloatField(default=0)  # seconds

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}:00, {self.most_due} due"
