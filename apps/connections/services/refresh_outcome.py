"""Storing the result of a refresh: the new tokens if the version is unchanged, or the failure and what follows."""

import logging
import random
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from apps.audit.models import REFRESHED
from apps.audit.origin import Origin
from apps.audit.services import record
from apps.connections import metrics
from apps.connections.models import Connection, Status, TokenSet
from apps.connections.policy.refresh_failures import Failure, Plan, after_failure, after_own_client_failed
from apps.connections.policy.refresh_outcomes import Outcome, classify, service_message
from apps.connections.services.commit_statement import commit_in_one_statement
from apps.connections.services.lease import BEFORE_COMMIT, Lease, fault_point
from apps.connections.services.status import (
    ConnectionState,
    emit_event,
    lock,
    mark_needs_attention,
    mark_recovered,
    record_first_refresh,
    target_of,
)
from apps.integrations.oauth_apps import circuit_breaker
from apps.integrations.oauth_apps.circuit_breaker import Admission
from apps.integrations.oauth_apps.probe import exchange_nonsense
from apps.integrations.oauth_apps.services import client_credentials, mark_oauth_app_broken
from apps.integrations.redirect_uri import redirect_uri
from apps.notifications.models import Event
from apps.oauth.errors import OAuthError, ProviderFault, TokenError
from apps.oauth.provider import ProviderConfig
from apps.sql import Now, PreparedUpdate, param

logger = logging.getLogger(__name__)

# After these it is unknown whether the service used the refresh token, so the mark of the send stays.
INCONCLUSIVE = (Outcome.UNKNOWN, Outcome.MALFORMED)
# These end a row of refusals that were not understood.
CONCLUSIVE = (Outcome.GRANT_REFUSED, Outcome.CONSENT_REQUIRED)
# With these reasons the service's own description is displayed.
SHOWS_SERVICE_MESSAGE = ("reauthorization_required", "key_refused")
# The reasons that a refresh with a used refresh token leads to, while its response waits in a spool.
ENDED_BY_LATER_REFRESH = ("outcome_unknown", "reauthorization_required")
# How long the refusal that another connection met counts for the OAuth app.
WITNESS_LIFETIME = timedelta(hours=1)
# Seconds; with the token request and the commit it must end within the lease.
CLIENT_PROBE_DEADLINE = 8.0


@cache
def _write_tokens(columns: frozenset[str]) -> PreparedUpdate:
    """Writes these columns of a token set and increments its version, if the version is as given."""

    def update() -> tuple[QuerySet[TokenSet], dict[str, Any]]:
        rows = TokenSet.objects.filter(pk=param(TokenSet, "id"), version=param(TokenSet, "version"))
        values = {name: param(TokenSet, name) for name in sorted(columns)}
        return rows, {**values, "version": F("version") + 1}

    return PreparedUpdate(update)


def commit_tokens(
    row: TokenSet, values: dict[str, Any], *, granted: list[str], lost: list[str], origin: Origin
) -> bool:
    """Write new tokens if the version is still `row`'s; False if another process changed it, which voids these.

    `granted` are the scopes from now on, `lost` those that the service withdrew. The lease is not compared: if it
    expired but the version is unchanged, these tokens are the only valid ones.
    """
    if not lost and commit_in_one_statement(row, values, granted=granted, origin=origin):
        return True
    with transaction.atomic(durable=True):
        current = _store_tokens(row, values, granted=granted, origin=origin)
        if current is None:
            return False
        _update_status(row.connection, current, granted, lost, origin=origin)
        fault_point(BEFORE_COMMIT)
    return True


def commit_unconfirmed_tokens(row: TokenSet, values: dict[str, Any], *, granted: list[str], origin: Origin) -> bool:
    """As `commit_tokens`, for tokens that a later, failed refresh may have ended: they are refreshed once before use.

    The access token counts as expired, the refresh is due now, and the connection needs attention until it succeeds.
    """
    unconfirmed = {**values, "expires_at": values["obtained_at"], "next_refresh_at": values["obtained_at"]}
    with transaction.atomic(durable=True):
        if _store_tokens(row, unconfirmed, granted=granted, origin=origin) is None:
            return False
        Connection.objects.filter(pk=row.connection_id, status_reason__in=ENDED_BY_LATER_REFRESH).update(
            status_reason="service_unavailable", service_message=""
        )
    return True


def _store_tokens(
    row: TokenSet, values: dict[str, Any], *, granted: list[str], origin: Origin
) -> ConnectionState | None:
    """The connection's state before, or None if the version is another or it is being disconnected."""
    connection = row.connection
    current = lock(connection.pk)
    if current is None or current.status == Status.DISCONNECTING:
        return None
    if not _write_tokens(frozenset(values))(id=row.pk, version=row.version, **values):
        return None
    if granted != current.scopes_granted:
        Connection.objects.filter(pk=connection.pk).update(scopes_granted=granted)
    record(
        action=REFRESHED,
        origin=origin,
        team_id=connection.team_id,
        target=target_of(connection),
        token_fp=values["access_token_fp"],
        version=row.version + 1,
    )
    return current


def _update_status(
    connection: Connection, current: ConnectionState, granted: list[str], lost: list[str], *, origin: Origin
) -> None:
    """At most one event: that it needs attention, that it works again, or that its scopes changed."""
    record_first_refresh(connection, "worked")
    if lost:
        mark_needs_attention(connection, reason="missing_scopes", origin=origin)
    elif current.status == Status.NEEDS_ATTENTION and current.status_reason != "missing_scopes":
        mark_recovered(connection, origin=origin)
    elif set(granted) != set(current.scopes_granted):
        had, has = set(current.scopes_granted), set(granted)
        changes = {"scopes_added": sorted(has - had), "scopes_removed": sorted(had - has)}
        emit_event(Event.SCOPES_CHANGED, connection, changes=changes)
    if connection.oauth_app is not None:
        circuit_breaker.close(connection.oauth_app, origin=origin)


def record_failure(lease: Lease, error: OAuthError, *, provider: ProviderConfig, origin: Origin) -> None:
    """Store a failed refresh: its code, the next try and, if it follows, needs attention or a broken OAuth app."""
    row, outcome = lease.row, classify(error)
    confirmed = outcome is Outcome.CLIENT_REFUSED and is_client_refused(row, provider, error)
    plan = _plan(lease, error, provider, client_confirmed=confirmed)
    code = error.code if isinstance(error, TokenError) else outcome.value
    with transaction.atomic(durable=True):
        lock(row.connection_id)
        if _store_failure(lease, outcome, plan):
            _apply(plan, row.connection, error, code=code, origin=origin)
            record_first_refresh(
                row.connection, outcome.value, code=error.code if isinstance(error, TokenError) else ""
            )
            _update_circuit(lease, outcome, origin=origin)
    metrics.refresh_failed(row.connection.integration, outcome=outcome.value)
    logger.warning(
        "refresh failed connection=%s integration=%s outcome=%s code=%s",
        row.connection_id,
        row.connection.integration.slug,
        outcome.value,
        code,
    )


def is_client_refused(row: TokenSet, provider: ProviderConfig, error: OAuthError) -> bool:
    """Whether a refusal of the client is the OAuth app's, not this connection's.

    It is if another connection of the app met the same refusal lately, or if a made-up code meets it: some services
    refuse a single grant with the same code.
    """
    oauth_app = row.connection.oauth_app
    if oauth_app is None or not isinstance(error, TokenError):
        return False
    others = TokenSet.objects.filter(connection__oauth_app=oauth_app, client_key=row.client_key).exclude(pk=row.pk)
    if others.filter(last_failure=Outcome.CLIENT_REFUSED.value, last_failure_at__gt=Now() - WITNESS_LIFETIME).exists():
        return True
    credentials, callback = client_credentials(oauth_app), redirect_uri(oauth_app)
    try:
        exchange_nonsense(provider, credentials, callback=callback, deadline=CLIENT_PROBE_DEADLINE)
    except TokenError as answer:
        return answer.code == error.code and classify(answer) is Outcome.CLIENT_REFUSED
    except OAuthError:
        return False
    return False


def _refusals(lease: Lease, outcome: Outcome) -> tuple[int, datetime | None]:
    """How many refusals in a row were not understood, with this one, and since when."""
    row = lease.row
    if outcome in (Outcome.REQUEST_REFUSED, Outcome.CLIENT_REFUSED):
        return row.refusal_count + 1, row.refused_since or lease.now
    if outcome in CONCLUSIVE:
        return 0, None
    return row.refusal_count, row.refused_since


def _plan(lease: Lease, error: OAuthError, provider: ProviderConfig, *, client_confirmed: bool) -> Plan:
    row, outcome = lease.row, classify(error)
    refusals, since = _refusals(lease, outcome)
    plan = after_failure(
        Failure(
            outcome=outcome,
            now=lease.now,
            expires_at=row.expires_at,
            rotation=provider.rotation,
            failures=row.failure_count + 1,
            earlier_grant_refusal=row.last_failure == Outcome.GRANT_REFUSED.value,
            unresolved_sends=row.unresolved_sends + 1,
            retry_after=error.retry_after if isinstance(error, ProviderFault) else None,
            jitter=random.random(),  # noqa: S311 - spreads load, protects nothing
            refusals=refusals,
            refused_for=lease.now - since if since else timedelta(0),
            client_confirmed=client_confirmed,
        )
    )
    return after_own_client_failed(plan, outcome) if row.refresh_grant_type == "client_credentials" else plan


def _store_failure(lease: Lease, outcome: Outcome, plan: Plan) -> bool:
    """Release the lease and write the failure. False if the lease or the version is no longer ours."""
    row = lease.row
    marks: dict[str, Any] = {"unresolved_sends": row.unresolved_sends + 1}
    if outcome not in INCONCLUSIVE:
        marks = {"unresolved_sends": row.unresolved_sends, "sent_at": None, "sent_token_fp": ""}
    marks["refusal_count"], marks["refused_since"] = _refusals(lease, outcome)
    updated = TokenSet.objects.filter(pk=row.pk, version=row.version, lease_token=lease.token).update(
        lease_token=None,
        lease_until=None,
        dispatched_until=None,
        failure_count=F("failure_count") + 1,
        last_failure=outcome.value,
        last_failure_at=Now(),
        next_refresh_at=plan.next_at,
        not_before=plan.not_before,
        sent_by="",
        **marks,
    )
    return bool(updated)


def _update_circuit(lease: Lease, outcome: Outcome, *, origin: Origin) -> None:
    """A rejected grant shows that the client is accepted; a missing response counts once per connection until it
    recovers."""
    oauth_app = lease.row.connection.oauth_app
    if oauth_app is None or outcome in (Outcome.CLIENT_REFUSED, Outcome.REQUEST_REFUSED, Outcome.SLOW_DOWN):
        return
    if outcome in (Outcome.GRANT_REFUSED, Outcome.CONSENT_REQUIRED):
        circuit_breaker.close(oauth_app, origin=origin)
    elif lease.admission is Admission.HALF_OPEN:
        circuit_breaker.record_failed_probe(oauth_app)
    elif lease.row.failure_count == 0:
        circuit_breaker.record_no_response(oauth_app)


def _apply(plan: Plan, connection: Connection, error: OAuthError, *, code: str, origin: Origin) -> None:
    record(
        action="connection.refresh_failed",
        origin=origin,
        team_id=connection.team_id,
        target=target_of(connection),
        outcome="failure",
        code=code,
        kind=classify(error).value,
    )
    if plan.client_broken and connection.oauth_app is not None:
        mark_oauth_app_broken(oauth_app=connection.oauth_app, code=code, origin=origin)
    if plan.reason:
        said = service_message(error) if plan.reason in SHOWS_SERVICE_MESSAGE else ""
        mark_needs_attention(connection, reason=plan.reason, origin=origin, service_message=said)
