"""Counting of the audit log's events for the operators' charts."""

from datetime import timedelta

import pytest

from apps.audit.models import AuditEvent
from apps.connections.models import QueueHour
from apps.connections.services import queue_history
from apps.sql import database_now

pytestmark = pytest.mark.django_db


def test_of_two_first_counts_at_once_only_one_counts() -> None:
    hour = database_now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    AuditEvent.objects.create(occurred_at=hour + timedelta(minutes=5), actor_kind="system", action="connection.used")
    # No run has counted yet, so that there is no row which the second could wait for.
    counted = [queue_history._count(hour, hour + timedelta(hours=1), after=None) for _ in range(2)]
    assert counted == [True, False]
    assert QueueHour.objects.get(hour=hour).calls == 1


def test_a_count_goes_on_where_the_last_one_ended() -> None:
    hour = database_now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    half = hour + timedelta(minutes=30)
    for minutes in (5, 35):
        at = hour + timedelta(minutes=minutes)
        AuditEvent.objects.create(occurred_at=at, actor_kind="system", action="connection.used")
    assert queue_history._count(hour, half, after=None)
    assert queue_history._count(half, hour + timedelta(hours=1), after=QueueHour.objects.get(hour=hour))
    assert QueueHour.objects.get(hour=hour).calls == 2
