"""Noting that the schedule runs, so that operators see when it does not. In the database, which all machines share."""

from datetime import datetime

from django.db.models.functions import Now

from apps.connections.models import Beat

REFRESH_DUE = "refresh_due"


def note_beat() -> None:
    """A round of looking for due refreshes begins."""
    if not Beat.objects.filter(name=REFRESH_DUE).update(at=Now()):
        Beat.objects.get_or_create(name=REFRESH_DUE, defaults={"at": Now()})


def last_beat() -> datetime | None:
    """When a round last began; None if there never was one."""
    return Beat.objects.filter(name=REFRESH_DUE).values_list("at", flat=True).first()
