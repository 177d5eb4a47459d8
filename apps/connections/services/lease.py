"""The lease on a token set: claimed and marked as sent in one committed compare-and-swap by the database's clock.

The lease keeps two from refreshing at once; what keeps a late one from writing is the version (see `refresh.py`).
Whoever dies after the claim has perhaps sent the refresh token, so there is nothing between claiming and marking.
"""

import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from apps.audit.services import fingerprint
from apps.connections.models import TokenSet
from apps.connections.policy.refresh_policy import CLAIM_TO_SEND, LEASE
from apps.integrations.oauth_apps.circuit_breaker import Admission
from apps.sql import PreparedUpdate, param


@dataclass(frozen=True)
class Lease:
    """A claim that was won: the token set as it stood before, and when (monotonic clock, seconds) it was claimed.

    `row.unresolved_sends` tells how often somebody sent this refresh token before and never settled what became of
    it; `admission` what the circuit breaker of the OAuth app said.
    """

    row: TokenSet
    token: uuid.UUID
    claimed_at: float
    admission: Admission

    @property
    def sent_at(self) -> datetime:
        """From when the answer's expiry counts: the database's time when the row was read, immediately before."""
        at_reading: datetime = self.row.db_now  # type: ignore[attr-defined]  # annotated
        return at_reading

    @property
    def now(self) -> datetime:
        """The database's time, told from its time when the row was read."""
        return self.sent_at + timedelta(seconds=time.monotonic() - self.claimed_at)

    @property
    def too_old_to_send(self) -> bool:
        return time.monotonic() - self.claimed_at > CLAIM_TO_SEND.total_seconds()


_AS_READ = ("id", "version", "failure_count", "unresolved_sends")


def _claimed() -> tuple[QuerySet[TokenSet], dict[str, Any]]:
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    written = {name: param(TokenSet, name) for name in ("lease_token", "sent_at", "sent_token_fp")}
    marked = {"lease_until": Now() + LEASE, "unresolved_sends": F("unresolved_sends") + 1}
    return TokenSet.objects.filter(free, **{name: param(TokenSet, name) for name in _AS_READ}), written | marked


_claim = PreparedUpdate(_claimed)


def claim(*, row: TokenSet, refresh_token: str, admission: Admission = Admission.CLOSED) -> Lease | None:
    """Claim the token set as `row` (just read) shows it, and note that `refresh_token` is on its way.

    To be called immediately before sending, outside of any transaction: a single statement is one of its own, so that
    it is committed when this returns. None if somebody holds it, or tried it since.
    """
    lease = Lease(row=row, token=uuid.uuid4(), claimed_at=time.monotonic(), admission=admission)
    won = _claim(
        **{name: getattr(row, name) for name in _AS_READ},
        lease_token=lease.token,
        sent_at=lease.sent_at,
        sent_token_fp=fingerprint(refresh_token),
    )
    return lease if won else None


def release(lease: Lease) -> None:
    """Give the claim back when nothing was sent after all: nothing is unresolved by it."""
    with transaction.atomic(durable=True):
        TokenSet.objects.filter(pk=lease.row.pk, lease_token=lease.token).update(
            lease_token=None,
            lease_until=None,
            sent_at=lease.row.sent_at,
            sent_token_fp=lease.row.sent_token_fp,
            unresolved_sends=lease.row.unresolved_sends,
        )
