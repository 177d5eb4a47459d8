"""Recording audit events, and fingerprints of tokens."""

import hashlib
import hmac
import logging
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.audit.origin import Origin, Target
from apps.sql import PreparedInsert

logger = logging.getLogger(__name__)

_insert_event = PreparedInsert(AuditEvent)


def fingerprint(secret: str) -> str:
    """A keyed hash (HMAC-SHA-256, hexadecimal) of a token, for finding a leaked token in the log."""
    return hmac.new(settings.FINGERPRINT_KEY.encode(), secret.encode(), hashlib.sha256).hexdigest()


def first_in_window(key: str, *, seconds: int) -> bool:
    """Whether this is the first call with `key` in `seconds`. Bounds events that callers can cause without limit.

    True if the cache fails: then events are recorded without a bound.
    """
    try:
        return bool(cache.add(f"audit:{hashlib.sha256(key.encode()).hexdigest()}", True, timeout=seconds))
    except Exception as error:  # any exception of the cache's client
        logger.warning("audit events are not bounded, the cache failed error=%s", type(error).__name__)
        return True


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
    """Append an event in the caller's transaction, so that nothing happens without its event.

    `action` is a dotted name such as `connection.created`; `detail` is JSON without secrets.
    Raises RuntimeError outside of a transaction, since the event and the change must commit together.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError(f"Record the audit event {action} in the transaction of the change.")
    target = target or Target(type="", id="")
    _insert_event(
        occurred_at=timezone.now(),
        team_id=team_id,
        action=action,
        outcome=outcome,
        token_fp=token_fp,
        detail=detail,
        **columns_of(origin, target),
    )
    transaction.on_commit(partial(log_event, action, outcome, target))


def columns_of(origin: Origin, target: Target) -> dict[str, Any]:
    """The columns of an event that say who did it, for which workflow, and to what."""
    return {
        "actor_kind": origin.kind,
        "actor_id": origin.id,
        "actor_label": origin.label[:200],
        "target_type": target.type,
        "target_id": target.id,
        "target_label": target.label[:250],
        "integration": target.integration,
        "workflow_id": origin.workflow_id[:200],
        "workflow_name": origin.workflow_name[:200],
        "run_id": origin.run_id[:200],
        "ip": origin.ip,
        "user_agent": origin.user_agent[:300],
    }


def log_event(action: str, outcome: str, target: Target) -> None:
    """The line about a recorded event in the process's log."""
    logger.info("audit action=%s outcome=%s target=%s/%s", action, outcome, target.type, target.id)
