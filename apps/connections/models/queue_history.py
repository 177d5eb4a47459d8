"""How long refreshes waited and how much was done, hour by hour, for the operators' charts."""

from django.db import models


class QueueHour(models.Model):
    """The worst of one hour: most refreshes that were due at once, and the longest that one was overdue.

    And its sums, as far as they are counted (`counted_until`).
    """

    hour = models.DateTimeField(primary_key=True)
    most_due = models.PositiveIntegerField(default=0)
    longest_delay = models.FloatField(default=0)  # seconds
    is_sampled = models.BooleanField(default=True, db_default=True)
    refreshes = models.PositiveBigIntegerField(default=0, db_default=0)
    failed_refreshes = models.PositiveBigIntegerField(default=0, db_default=0)
    calls = models.PositiveBigIntegerField(default=0, db_default=0)
    failed_calls = models.PositiveBigIntegerField(default=0, db_default=0)
    counted_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}:00, {self.most_due} due"
