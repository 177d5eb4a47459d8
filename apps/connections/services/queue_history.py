"""Samples of the refresh queue, which the scheduler takes each minute, and the history of the hours."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, F, FloatField, Min, PositiveIntegerField, Value
from django.db.models.functions import Greatest

from apps.audit.models import CALL_FAILED, CALLED, REFRESHES, AuditEvent
from apps.connections.models import QueueHour, Status, TokenSet
from apps.sql import Now, database_now

HOUR = timedelta(hours=1)
KEPT = timedelta(days=31)
# Events are counted that long after they happened, when the transactions that wrote them have ended.
SETTLED = timedelta(seconds=30)
# Hours that one run counts at most: after a downtime, the next runs count the rest.
MOST_HOURS = 12


def sample_queue() -> None:
    """Record how many refreshes are due and how long the oldest has been, as far as it is this hour's worst."""
    live = TokenSet.objects.exclude(connection__status=Status.DISCONNECTING)
    due = live.due_for_refresh(Now()).order_by().aggregate(n=Count("pk"), oldest=Min("next_refresh_at"), now=Min(Now()))
    delay = max((due["now"] - due["oldest"]).total_seconds(), 0.0) if due["n"] else 0.0
    hour = _hour_of(database_now())
    _, created = QueueHour.objects.get_or_create(hour=hour, defaults={"most_due": due["n"], "longest_delay": delay})
    if created:
        QueueHour.objects.filter(hour__lt=hour - KEPT).delete()
        return
    QueueHour.objects.filter(hour=hour).update(
        most_due=_larger("most_due", due["n"]), longest_delay=_larger("longest_delay", delay), is_sampled=True
    )


def count_events() -> None:
    """Add the calls and refreshes since the last count to their hours: each event of the audit log is read once."""
    settled = database_now() - SETTLED
    for _ in range(MOST_HOURS):
        with transaction.atomic():
            # Locked, so that no two runs count the same events.
            last = QueueHour.objects.select_for_update().exclude(counted_until=None).order_by("-hour").first()
            oldest = _hour_of(settled) - KEPT
            since = max(last.counted_until or oldest, oldest) if last else oldest
            until = min(_hour_of(since) + HOUR, settled)
            if until <= since or not _count(since, until, after=last):
                return


def _count(since: datetime, until: datetime, *, after: QueueHour | None) -> bool:
    """Count one hour or a part of it, unless another run has counted since `after`. Returns whether it did."""
    events = AuditEvent.objects.filter(occurred_at__gte=since, occurred_at__lt=until)
    counted = events.filter(action__in=(*REFRESHES, CALLED, CALL_FAILED)).order_by()
    by_action = dict(counted.values_list("action").annotate(n=Count("pk")))
    refreshes = sum(by_action.get(action, 0) for action in REFRESHES)
    hour, _ = QueueHour.objects.get_or_create(hour=_hour_of(since), defaults={"is_sampled": False})
    # Before the first count there is no row to lock.
    counted_before = after.counted_until if after and after.pk == hour.pk else None
    changed = QueueHour.objects.filter(pk=hour.pk, counted_until=counted_before).update(
        refreshes=F("refreshes") + refreshes,
        failed_refreshes=F("failed_refreshes") + refreshes - by_action.get("connection.refreshed", 0),
        calls=F("calls") + by_action.get(CALLED, 0),
        failed_calls=F("failed_calls") + by_action.get(CALL_FAILED, 0),
        counted_until=until,
    )
    return bool(changed)


def _hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _larger(name: str, value: float) -> Greatest:
    kind = PositiveIntegerField() if isinstance(value, int) else FloatField()
    return Greatest(F(name), Value(value, output_field=kind))


def queue_hours(since: datetime) -> dict[datetime, QueueHour]:
    """The hours from `since` on that have samples or counts."""
    return {row.hour: row for row in QueueHour.objects.filter(hour__gte=since)}
