"""The lease on a token set: claim, mark, release. Each is one committed compare-and-swap by the database's clock.

The lease keeps two from refreshing at once; what keeps a late one from writing is the version (see `refresh.py`).
"""

import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.audit.services import fingerprint
from apps.connections.models import TokenSet
from apps.connections.refresh_policy import CLAIM_TO_SEND, LEASE
from apps.integrations.services.circuit import Admission


@dataclass(frozen=True)
class Lease:
    """A claim that was won: the token set as it stands, and when (monotonic clock, seconds) it was claimed.

    `interrupted` tells that somebody sent this refresh token before and never settled what became of it; `admission`
    what the circuit breaker of the OAuth app said.
    """

    row: TokenSet
    token: uuid.UUID
    claimed_at: float
    admission: Admission

    @property
    def interrupted(self) -> bool:
        return self.row.unresolved_sends > 0

    @property
    def now(self) -> datetime:
        """The database's time, told from its time when the row was read, immediately before the claim."""
        at_reading: datetime = self.row.db_now  # type: ignore[attr-defined]  # annotated
        return at_reading + timedelta(seconds=time.monotonic() - self.claimed_at)

    @property
    def too_old_to_send(self) -> bool:
        return time.monotonic() - self.claimed_at > CLAIM_TO_SEND.total_seconds()


def claim(*, row: TokenSet, admission: Admission = Admission.CLOSED) -> Lease | None:
    """Claim the token set as `row` (just read) shows it; None if somebody holds it, or tried it since."""
    token = uuid.uuid4()
    claimed_at = time.monotonic()
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    as_read = {name: getattr(row, name) for name in ("pk", "version", "failure_count", "unresolved_sends")}
    with transaction.atomic(durable=True):
        won = TokenSet.objects.filter(free, **as_read).update(lease_token=token, lease_until=Now() + LEASE)
    return Lease(row=row, token=token, claimed_at=claimed_at, admission=admission) if won else None


def mark_sent(lease: Lease, *, refresh_token: str) -> datetime | None:
    """Note, immediately before sending, that this refresh token is on its way. The time of sending; None: lost."""
    mine = TokenSet.objects.filter(pk=lease.row.pk, version=lease.row.version, lease_token=lease.token)
    sent_at = lease.now
    with transaction.atomic(durable=True):
        marked = mine.update(
            sent_at=sent_at, sent_token_fp=fingerprint(refresh_token), unresolved_sends=F("unresolved_sends") + 1
        )
    return sent_at if marked else None


def release(lease: Lease) -> None:
    """Give the claim back without having sent anything."""
    with transaction.atomic(durable=True):
        TokenSet.objects.filter(pk=lease.row.pk, lease_token=lease.token).update(lease_token=None, lease_until=None)


def unmark(lease: Lease) -> None:
    """Give the claim back after the mark, when nothing was sent after all: nothing is unresolved by this."""
    with transaction.atomic(durable=True):
        TokenSet.objects.filter(pk=lease.row.pk, lease_token=lease.token).update(
            lease_token=None,
            lease_until=None,
            sent_at=lease.row.sent_at,
            sent_token_fp=lease.row.sent_token_fp,
            unresolved_sends=lease.row.unresolved_sends,
        )
