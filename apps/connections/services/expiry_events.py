"""Events 30, 7 and 1 days before keys, grants, API keys and client secrets end: one for each threshold."""

from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.connections.services.expiring import (
    REMINDERS,
    Expiring,
    everything_expiring,
    expiring_client_secrets,
)
from apps.connections.services.status import emit_event
from apps.notifications.models import Event, ExpiryEvent
from apps.notifications.outbox import enqueue_webhook
from apps.sql import Now


def emit_expiry_events(*, today: date) -> int:
    """Emit the events that are due, each once. Returns their number."""
    return sum(_emit(team_id, item, today) for team_id, item in _items(today))


def _items(today: date) -> Iterator[tuple[UUID, Expiring]]:
    for item in everything_expiring(today=today, days=max(REMINDERS)):
        subject = item.connection or item.api_key
        if subject is not None:
            yield subject.team_id, item
    yield from expiring_client_secrets(today=today, days=max(REMINDERS))


def _emit(team_id: UUID, item: Expiring, today: date) -> bool:
    left = item.days_left(today)
    reached = min((days for days in REMINDERS if left <= days), default=None)
    if reached is None or left < 0:
        return False
    known = ExpiryEvent.objects.filter(team=team_id, item=item.id, ends_on=item.ends_on)
    with transaction.atomic():
        if known.filter(days__lte=reached).exists():
            return False
        _, is_new = ExpiryEvent.objects.get_or_create(
            team_id=team_id, item=item.id, ends_on=item.ends_on, days=reached, defaults={"sent_at": Now()}
        )
        if is_new:
            _enqueue(team_id, item, left)
    return is_new


def _enqueue(team_id: UUID, item: Expiring, left: int) -> None:
    data: dict[str, Any] = {
        "kind": item.kind,
        "name": item.name,
        "ends_on": item.ends_on.isoformat(),
        "days_left": left,
    }
    if item.connection is not None:
        emit_event(Event.EXPIRING, item.connection, **data)
        return
    if item.api_key is not None:
        data["api_key"] = str(item.api_key.pk)
    if item.oauth_app is not None:
        data["integration"] = item.oauth_app.integration.slug
    enqueue_webhook(Event.EXPIRING, team_id=team_id, data={"team": str(team_id), **data})
