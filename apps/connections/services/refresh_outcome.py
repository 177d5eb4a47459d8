"""Committing what a refresh came to: the new tokens behind the version fence, or the failure and what follows."""

import logging
import random
from datetime import datetime
from functools import cache
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from apps.audit.origin import Origin
from apps.audit.services import record
from apps.connections import metrics
from apps.connections.models import Connection, Status, TokenSet
from apps.connections.policy.refresh_policy import Outcome, Plan, after_failure, after_own_client_failed, classify
from apps.connections.services import fault_points, first_refresh
from apps.connections.services.lease import Lease
from apps.connections.services.status import lock, mark_needs_attention, mark_recovered, target_of
from apps.integrations.oauth_apps import circuit_breaker
from apps.integrations.oauth_apps.circuit_breaker import Admission
from apps.integrations.oauth_apps.services import mark_oauth_app_broken
from apps.oauth.errors import OAuthError, ProviderFault, TokenError
from apps.oauth.provider import ProviderConfig
from apps.sql import PreparedUpdate, param

logger = logging.getLogger(__name__)

# These leave open whether the service took the refresh token, so the mark of the sending stays.
UNSETTLED = (Outcome.UNKNOWN, Outcome.MALFORMED)


@cache
def _write_tokens(columns: frozenset[str]) -> PreparedUpdate:
    """Writes these columns of a token set and moves its version on, if that is what it was."""

    def fenced() -> tuple[QuerySet[TokenSet], dict[str, Any]]:
        as_claimed = TokenSet.objects.filter(pk=param(TokenSet, "id"), version=param(TokenSet, "version"))
        written = {name: param(TokenSet, name) for name in sorted(columns)}
        return as_claimed, {**written, "version": F("version") + 1}

    return PreparedUpdate(fenced)


def commit_tokens(
    row: TokenSet, values: dict[str, Any], *, granted: list[str], lost: list[str], origin: Origin
) -> bool:
    """Write new tokens if the version still is what it was at the claim. False: somebody else moved it; ours is void.

    `granted` are the scopes as they now stand, `lost` those of before that the service took away.

    The lease plays no part here: if it ran out but the version stands, ours is the only valid refresh token. The
    connection turns green, unless the service took away a permission that was granted before.
    """
    connection = row.connection
    with transaction.atomic(durable=True):
        current = lock(connection.pk)
        if current is None or current.status == Status.DISCONNECTING:
            return False
        if not _write_tokens(frozenset(values))(id=row.pk, version=row.version, **values):
            return False
        if granted != current.scopes_granted:
            Connection.objects.filter(pk=connection.pk).update(scopes_granted=granted)
        record(
            action="connection.refreshed",
            origin=origin,
            team_id=connection.team_id,
            target=target_of(connection),
            token_fp=values["access_token_fp"],
            version=row.version + 1,
        )
        first_refresh.note(connection, "worked")
        if lost:
            mark_needs_attention(connection, reason="missing_scopes", origin=origin)
        elif current.status == Status.NEEDS_ATTENTION and current.status_reason != "missing_scopes":
            mark_recovered(connection, origin=origin)
        if connection.oauth_app is not None:
            circuit_breaker.close(connection.oauth_app, origin=origin)
        fault_points.reached(fault_points.BEFORE_COMMIT)
    return True


def record_failure(lease: Lease, error: OAuthError, *, provider: ProviderConfig, now: datetime, origin: Origin) -> None:
    """Commit a failed refresh: its code, the next try and, where it is called for, red or a broken OAuth app."""
    row, outcome = lease.row, classify(error)
    unresolved = row.unresolved_sends + 1
    plan = after_failure(
        outcome,
        now=now,
        expires_at=row.expires_at,
        rotation=provider.rotation,
        failures=row.failure_count + 1,
        earlier_grant_refusal=row.last_failure == Outcome.GRANT_REFUSED.value,
        unresolved_sends=unresolved,
        retry_after=error.retry_after if isinstance(error, ProviderFault) else None,
        jitter=random.random(),  # noqa: S311 - spreads load, guards nothing
    )
    if row.refresh_grant_type == "client_credentials":
        plan = after_own_client_failed(plan, outcome)
    values: dict[str, Any] = {"unresolved_sends": unresolved}
    if outcome not in UNSETTLED:
        values = {"unresolved_sends": row.unresolved_sends, "sent_at": None, "sent_token_fp": ""}
    code = error.code if isinstance(error, TokenError) else outcome.value
    with transaction.atomic(durable=True):
        lock(row.connection_id)
        written = TokenSet.objects.filter(pk=row.pk, version=row.version, lease_token=lease.token).update(
            lease_token=None,
            lease_until=None,
            dispatched_until=None,
            failure_count=F("failure_count") + 1,
            last_failure=outcome.value,
            last_failure_at=Now(),
            next_refresh_at=plan.next_at,
            **values,
        )
        if written:
            _apply(plan, row.connection, code=code, outcome=outcome, origin=origin)
            refusal = error.code if isinstance(error, TokenError) else ""
            first_refresh.note(row.connection, outcome.value, code=refusal)
            _tell_circuit(lease, outcome, origin=origin)
    metrics.refresh_failed(row.connection.integration, outcome=outcome.value)
    logger.warning(
        "refresh failed connection=%s integration=%s outcome=%s code=%s",
        row.connection_id,
        row.connection.integration.slug,
        outcome.value,
        code,
    )


def _tell_circuit(lease: Lease, outcome: Outcome, *, origin: Origin) -> None:
    """A refused grant is an answer to an accepted client; silence counts once per connection, until it recovers."""
    oauth_app = lease.row.connection.oauth_app
    if oauth_app is None or outcome in (Outcome.CLIENT_REFUSED, Outcome.REQUEST_REFUSED):
        return
    if outcome is Outcome.GRANT_REFUSED:
        circuit_breaker.close(oauth_app, origin=origin)
    elif lease.admission is Admission.HALF_OPEN:
        circuit_breaker.record_failed_probe(oauth_app)
    elif lease.row.failure_count == 0:
        circuit_breaker.record_no_response(oauth_app)


def _apply(plan: Plan, connection: Connection, *, code: str, outcome: Outcome, origin: Origin) -> None:
    record(
        action="connection.refresh_failed",
        origin=origin,
        team_id=connection.team_id,
        target=target_of(connection),
        outcome="failure",
        code=code,
        kind=outcome.value,
    )
    if plan.client_broken and connection.oauth_app is not None:
        mark_oauth_app_broken(oauth_app=connection.oauth_app, code=code, origin=origin)
    if plan.reason:
        mark_needs_attention(connection, reason=plan.reason, origin=origin)
