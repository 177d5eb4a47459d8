"""Samples of the refresh queue, which the scheduler takes each minute, and their history."""

from datetime import datetime, timedelta

from django.db.models import Count, F, FloatField, Min, PositiveIntegerField, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from apps.connections.models import QueueHour, Status, TokenSet
from apps.sql import Now

KEPT = timedelta(days=31)


def sample_queue() -> None:
    """Record how many refreshes are due and how long the oldest has been, as far as it is this hour's worst."""
    live = TokenSet.objects.exclude(connection__status=Status.DISCONNECTING)
    due = live.due_for_refresh(Now()).order_by().aggregate(n=Count("pk"), oldest=Min("next_refresh_at"), now=Min(Now()))
    delay = max((due["now"] - due["oldest"]).total_seconds(), 0.0) if due["n"] else 0.0
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    _, created = QueueHour.objects.get_or_create(hour=hour, defaults={"most_due": due["n"], "longest_delay": delay})
    if created:
        QueueHour.objects.filter(hour__lt=hour - KEPT).delete()
        return
    QueueHour.objects.filter(hour=hour).update(
        most_due=_larger("most_due", due["n"]), longest_delay=_larger("longest_delay", delay)
    )


def _larger(name: str, value: float) -> Greatest:
    kind = PositiveIntegerField() if isinstance(value, int) else FloatField()
    return Greatest(F(name), Value(value, output_field=kind))


def queue_hours(since: datetime) -> dict[datetime, QueueHour]:
    """The hours from `since` on that have samples."""
    return {row.hour: row for row in QueueHour.objects.filter(hour__gte=since)}
