"""Writing the audit log: `record()` and the fingerprints of tokens."""

import hashlib
import hmac
import logging
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.audit.origin import Origin, Target
from apps.sql import PreparedInsert

logger = logging.getLogger(__name__)

_add_event = PreparedInsert(AuditEvent)


def fingerprint(secret: str) -> str:
    """A keyed hash (HMAC-SHA-256, hexadecimal) of a token, by which a leaked one can be looked up in the log."""
    return hmac.new(settings.FINGERPRINT_KEY.encode(), secret.encode(), hashlib.sha256).hexdigest()


def record(
    *,
    action: str,
    origin: Origin,
    team_id: UUID | None,
    target: Target | None = None,
    outcome: str = AuditEvent.Outcome.SUCCESS,
    token_fp: str = "",
    **detail: Any,
) -> None:
    """Append one event, in the caller's transaction: no record, no change, no secret handed out.

    `action` is a dotted name such as `connection.created`; `detail` is JSON without secrets.
    Raises RuntimeError outside a transaction, since the event and what it tells of must commit together.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError(f"The audit event {action} must be written in the transaction of what it records.")
    what = target or Target(type="", id="")
    _add_event(
        occurred_at=timezone.now(),
        team_id=team_id,
        actor_kind=origin.kind,
        actor_id=origin.id,
        actor_label=origin.label[:200],
        action=action,
        outcome=outcome,
        target_type=what.type,
        target_id=what.id,
        target_label=what.label[:250],
        integration=what.integration,
        workflow_id=origin.workflow_id[:200],
        workflow_name=origin.workflow_name[:200],
        run_id=origin.run_id[:200],
        ip=origin.ip,
        user_agent=origin.user_agent[:300],
        token_fp=token_fp,
        detail=detail,
    )
    logger.info("audit action=%s outcome=%s target=%s/%s", action, outcome, what.type, what.id)
