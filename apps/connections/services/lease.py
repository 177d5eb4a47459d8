"""The lease on a token set: acquired and marked as sent in one committed compare-and-swap by the database's clock.

The lease prevents two concurrent refreshes; the version prevents a late one from writing (see `refresh.py`). A process
that dies after it acquired the lease may have sent the refresh token, so nothing comes between acquiring and marking.
"""

import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.module_loading import import_string

from apps.audit.services import fingerprint
from apps.connections.models import TokenSet
from apps.connections.policy.refresh_policy import CLAIM_TO_SEND, LEASE
from apps.integrations.oauth_apps.circuit_breaker import Admission
from apps.sql import Now, PreparedUpdate, param

# The points in a refresh at which tests stop or kill the process.
BEFORE_SEND = "before_send"  # the lease is committed, nothing was sent
AFTER_RESPONSE = "after_answer"  # the response is in memory only
BEFORE_COMMIT = "before_commit"  # in the transaction that stores the new tokens, or before its only statement


@dataclass(frozen=True)
class Lease:
    """A lease that was acquired: the token set as it was before, and the monotonic clock (seconds) at that moment.

    `row.unresolved_sends` is how often this refresh token was sent before without a conclusive response; `admission`
    is the state of the OAuth app's circuit breaker.
    """

    row: TokenSet
    token: uuid.UUID
    acquired_at: float
    admission: Admission

    @property
    def sent_at(self) -> datetime:
        """The start of the new token's life: the database's time when the row was read, immediately before sending."""
        return self.row.db_now

    @property
    def now(self) -> datetime:
        """The database's time, advanced by the monotonic clock since the row was read."""
        return self.sent_at + timedelta(seconds=time.monotonic() - self.acquired_at)

    @property
    def too_old_to_send(self) -> bool:
        return time.monotonic() - self.acquired_at > CLAIM_TO_SEND.total_seconds()


_COMPARED = ("id", "version", "failure_count", "unresolved_sends")


def _acquire_update() -> tuple[QuerySet[TokenSet], dict[str, Any]]:
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    values = {name: param(TokenSet, name) for name in ("lease_token", "sent_at", "sent_token_fp", "sent_by")}
    # The dispatch mark ends with the lease: if the process dies, nothing delays the next attempt any longer.
    marks = {
        "lease_until": Now() + LEASE,
        "dispatched_until": Now() + LEASE,
        "unresolved_sends": F("unresolved_sends") + 1,
    }
    return TokenSet.objects.filter(free, **{name: param(TokenSet, name) for name in _COMPARED}), values | marks


_acquire = PreparedUpdate(_acquire_update)


def acquire_lease(
    *, row: TokenSet, refresh_token: str, host_id: str = "", admission: Admission = Admission.CLOSED
) -> Lease | None:
    """Acquire the lease on `row`, as it was just read, and mark `refresh_token` as sent by this host. None if another
    process has the lease or tried since.

    Call it immediately before sending and outside of a transaction: its single statement is then committed when this
    returns.
    """
    lease = Lease(row=row, token=uuid.uuid4(), acquired_at=time.monotonic(), admission=admission)
    acquired = _acquire(
        **{name: getattr(row, name) for name in _COMPARED},
        lease_token=lease.token,
        sent_at=lease.sent_at,
        sent_token_fp=fingerprint(refresh_token),
        sent_by=host_id,
    )
    return lease if acquired else None


def release_lease(lease: Lease) -> None:
    """Release a lease under which nothing was sent, and restore the marks of earlier sends."""
    with transaction.atomic(durable=True):
        TokenSet.objects.filter(pk=lease.row.pk, lease_token=lease.token).update(
            lease_token=None,
            lease_until=None,
            dispatched_until=None,
            sent_at=lease.row.sent_at,
            sent_token_fp=lease.row.sent_token_fp,
            sent_by=lease.row.sent_by,
            unresolved_sends=lease.row.unresolved_sends,
        )


def fault_point(name: str) -> None:
    """Call the callable that the settings module of a test names in FAULT_POINTS (a dotted path), with `name`.

    It is no setting of the product: no environment variable sets it, and a system check rejects it in production.
    """
    hook = getattr(settings, "FAULT_POINTS", None)
    if hook is not None:
        import_string(hook)(name)
