"""Fresh access tokens: one refresh per expiry under any concurrency, and never an expired token.

`ensure_fresh()` → `attempt_refresh()`: `acquire_lease()` → token request → `commit()` or `record_failure()`. Only the
database row counts: the lease decides who refreshes, the version decides whose response is stored, and a reader needs
neither Redis nor a worker.
"""

import contextlib
import math
import time
from datetime import timedelta
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import transaction
from django.utils.translation import gettext_noop

from apps.audit.origin import Origin
from apps.connections import metrics
from apps.connections.errors import ReauthorizationRequired, ServiceUnavailable, WrongKind
from apps.connections.messages import reason_message, reason_of
from apps.connections.models import Connection, Status, TokenSet
from apps.connections.policy import scopes
from apps.connections.policy.refresh_outcomes import Outcome
from apps.connections.policy.refresh_policy import (
    JUST_ISSUED,
    READER_WAIT,
    Reading,
    earliest_refresh_at,
    reading,
    resend_at,
)
from apps.connections.services import client_change, connection_params, response_values, spool, tracing
from apps.connections.services.lease import (
    AFTER_RESPONSE,
    BEFORE_SEND,
    Lease,
    acquire_lease,
    fault_point,
    release_lease,
)
from apps.connections.services.refresh_grant import RefreshGrant, refresh_grant_for
from apps.connections.services.refresh_outcome import record_failure
from apps.connections.services.stale import discard_stale
from apps.connections.services.status import mark_needs_attention
from apps.connections.services.token_values import token_columns
from apps.errors import SpecwayError
from apps.integrations.errors import IntegrationMisconfigured
from apps.integrations.models import KINDS_SENT_AS_ENTERED, Integration
from apps.integrations.oauth_apps import circuit_breaker
from apps.integrations.oauth_apps.circuit_breaker import Admission
from apps.oauth.errors import OAuthError
from apps.oauth.provider import ProviderConfig
from apps.oauth.token_response import TokenResponse
from apps.request_slots import before_waiting
from apps.sql import PreparedSelect, param
from apps.teams.actor import Actor

KINDS_WITHOUT_EXPIRY = (*KINDS_SENT_AS_ENTERED, Integration.Kind.OAUTH1)
# Only a person can resolve these, so no token request is made meanwhile.
PERSON_MUST_ACT = (
    "reauthorization_required",
    "outcome_unknown",
    "token_expired",
    "key_refused",
    client_change.ADDRESS_REASON,
    client_change.REASON,
    connection_params.REASON,
)

_select_token_set = PreparedSelect(
    lambda: TokenSet.objects.with_everything().filter(connection=param(TokenSet, "connection"))
)


def load(connection_id: UUID) -> TokenSet:
    """The token set with everything that a refresh needs, and `db_now`. Raises ReauthorizationRequired without one."""
    row = _select_token_set.one(connection=connection_id)
    if row is None or row.connection.status == Status.DISCONNECTING:
        raise ReauthorizationRequired(gettext_noop("This connection has no token any more. Connect the service again."))
    return row


def time_left(row: TokenSet) -> timedelta | None:
    """How long the access token is still valid, by the database's clock; None if unknown or unlimited."""
    return None if row.expires_at is None else row.expires_at - row.db_now


def is_valid(row: TokenSet) -> bool:
    """Whether the access token has not expired, by the database's clock."""
    left = time_left(row)
    return left is None or left > timedelta(0)


def ensure_fresh(row: TokenSet, *, min_ttl: timedelta, origin: Origin) -> TokenSet:
    """The token set with a valid access token, if possible one that lives longer than the skew and `min_ttl`.

    A valid token is returned even if its refresh fails; an expired one never is. Raises what `refusal_of` returns.
    """
    lifetime = row.expires_at - row.obtained_at if row.expires_at else timedelta(0)
    left, renewable = time_left(row), bool(row.refresh_grant_type)
    decision = reading(left=left, lifetime=lifetime, min_ttl=min_ttl, renewable=renewable)
    if decision is not Reading.SERVE and renewable and _too_early(row):
        decision = reading(left=left, lifetime=lifetime, min_ttl=min_ttl, renewable=renewable, too_early=True)
    if decision is Reading.SERVE:
        return row
    if decision is Reading.SERVE_AND_SCHEDULE:
        schedule_now(row)
        return row
    try:
        if row.failure_count and any(at and at > row.db_now for at in (row.next_refresh_at, row.not_before)):
            raise refusal_of(row)  # the last failure says to wait
        return refresh(row, origin=origin)
    except SpecwayError:
        with contextlib.suppress(DatabaseError):  # then the first error is the one to report
            current = load(row.connection_id)
            if is_valid(current):
                return current
        raise


def _too_early(row: TokenSet) -> bool:
    """Whether the service would refuse a refresh because the token is too young, by the provider's data."""
    earliest = connection_params.provider_of(row.connection).earliest_refresh
    if earliest is None:
        return False
    return row.db_now < earliest_refresh_at(obtained_at=row.obtained_at, earliest=timedelta(seconds=earliest))


def schedule_now(row: TokenSet) -> None:
    """Make the refresh due now for the scheduler, without waiting for it."""
    now = row.db_now
    if row.refresh_grant_type and not row.failure_count and row.next_refresh_at and row.next_refresh_at > now:
        TokenSet.objects.filter(pk=row.pk, version=row.version).update(next_refresh_at=now)


def refresh(row: TokenSet, *, origin: Origin) -> TokenSet:
    """The token set at a later version than `row`'s, refreshed here or by the process that holds the lease.

    Waits for another process at most READER_WAIT. Raises what `refusal_of` returns.
    """
    until = time.monotonic() + READER_WAIT.total_seconds()
    while True:
        if attempt_refresh(row, origin=origin):
            return load(row.connection_id)
        with metrics.lease_wait(row.connection.integration):
            current = _wait_for_change(row, until=until)
        if current.version > row.version:
            return current
        # A failure since `row` was read is the result for all callers that read it before.
        failed_meanwhile = current.failure_count != row.failure_count
        if failed_meanwhile or current.lease_until is None or time.monotonic() >= until:
            raise refusal_of(current)
        row = current


def attempt_refresh(row: TokenSet, *, origin: Origin) -> bool:
    """Refresh if the lease can be acquired; False if another process holds it or tried since `row` was read.

    Raises what `refusal_of` returns.
    """
    if not row.refresh_grant_type or row.connection.status_reason in PERSON_MUST_ACT:
        raise refusal_of(row)
    provider = connection_params.provider_of(row.connection)
    if row.unresolved_sends and spool.replay() and load(row.connection_id).version != row.version:
        return False
    if row.lease_until is not None and row.lease_until >= row.db_now:
        return False
    if client_change.belongs_to_earlier_client(row):
        raise _of_earlier_client(row, origin=origin)
    _require_resend_allowed(row, provider)
    grant = refresh_grant_for(row, provider)
    lease = acquire_lease(row=row, refresh_token=grant.secret, host_id=spool.host_id(), admission=_admission(row))
    if lease is None:
        return False
    with tracing.traced(tracing.of_connection(row.connection)):
        _request_token(lease, grant, origin=origin)
    return True


def _require_resend_allowed(row: TokenSet, provider: ProviderConfig) -> None:
    """Raises what `refusal_of` returns while a refresh token that may be used already must not be sent again."""
    if not row.unresolved_sends:
        return  # nor is there anything on the disk to look at
    wait_until = resend_at(
        rotation=provider.rotation,
        unresolved_sends=row.unresolved_sends,
        expires_at=row.expires_at,
        sent_at=row.sent_at,
        sent_elsewhere=row.sent_by not in ("", spool.host_id()) or spool.is_kept(row),
    )
    if wait_until is None or wait_until <= row.db_now:
        return
    check_at = min(wait_until, row.expires_at) if is_valid(row) and row.expires_at else wait_until
    not_before = wait_until if row.expires_at and wait_until > row.expires_at else None
    TokenSet.objects.filter(pk=row.pk, version=row.version).update(next_refresh_at=check_at, not_before=not_before)
    raise refusal_of(load(row.connection_id))


def _admission(row: TokenSet) -> Admission:
    oauth_app = row.connection.oauth_app
    admission = circuit_breaker.admit(oauth_app) if oauth_app else Admission.CLOSED
    if admission is Admission.REFUSED:
        raise refusal_of(row)
    return admission


def _of_earlier_client(row: TokenSet, *, origin: Origin) -> SpecwayError:
    """The OAuth app is another client now: sending the refresh token with its credentials would disclose it."""
    with transaction.atomic(durable=True):
        mark_needs_attention(row.connection, reason=client_change.REASON, origin=origin)
        TokenSet.objects.filter(pk=row.pk, version=row.version).update(next_refresh_at=None)
    return ReauthorizationRequired(reason_message(client_change.REASON, row.connection.integration.name))


def _request_token(lease: Lease, grant: RefreshGrant, *, origin: Origin) -> None:
    row = lease.row
    fault_point(BEFORE_SEND)
    if lease.too_old_to_send:
        # Stopped since, perhaps past the lease: the next holder may have used the refresh token by now.
        release_lease(lease)
        raise refusal_of(load(row.connection_id))
    try:
        with metrics.token_call(row.connection.integration, grant=row.refresh_grant_type):
            response = grant.send()
    except OAuthError as error:
        record_failure(lease, error, provider=grant.provider, origin=origin)
        current = load(row.connection_id)
        if current.version == row.version:
            raise refusal_of(current) from None
        return  # another process stored a newer version, so this failure has no effect
    fault_point(AFTER_RESPONSE)
    commit(lease, grant, response, origin=origin)


def commit(lease: Lease, grant: RefreshGrant, response: TokenResponse, *, origin: Origin) -> None:
    """Store the response if the version is unchanged, else discard it. Raises ServiceUnavailable while the database is
    unavailable; the tokens then wait in the spool."""
    row, provider = lease.row, grant.provider
    before = row.connection.scopes_granted
    granted = scopes.granted(answered=response.scopes, requested=before)
    pending = spool.PendingTokens(
        token_set_id=row.pk,
        version=row.version,
        values=token_columns(row, response, provider=provider, sent_at=lease.sent_at),
        granted=granted,
        lost=scopes.missing(wanted=before, granted=granted, provider=provider),
        row=row,
    )
    stored = spool.store(pending, origin=origin)
    metrics.refreshed(row.connection.integration, written=stored)
    if stored is None:
        raise ServiceUnavailable(
            gettext_noop(
                "%(service)s issued a new token and it is saved, but the database is unavailable. Try again "
                "in a moment."
            )
            % {"service": row.connection.integration.name},
            retry_after=10,
        )
    if stored:
        response_values.take_again(row.connection, response, origin=origin)
    else:
        discard_stale(row, provider, response, origin=origin)


def _wait_for_change(row: TokenSet, *, until: float) -> TokenSet:
    """The token set once its version changed, its lease ended, or the wait is over."""
    pause = 0.05
    while True:
        current = load(row.connection_id)
        leased = current.lease_until is not None and current.lease_until > current.db_now
        if current.version > row.version or not leased or time.monotonic() >= until:
            return current
        before_waiting()
        time.sleep(pause)
        pause = min(pause * 1.5, 0.5)


def refusal_of(row: TokenSet) -> SpecwayError:
    """The error that says why there is no fresh token: because of the grant, the OAuth app or the service."""
    connection, oauth_app = row.connection, row.connection.oauth_app
    name = connection.integration.name
    if connection.status_reason in PERSON_MUST_ACT:
        return ReauthorizationRequired(reason_of(connection))
    if oauth_app is not None and oauth_app.broken_since is not None:
        return IntegrationMisconfigured(reason_message("integration_misconfigured", name))
    if not row.refresh_grant_type:
        return ReauthorizationRequired(reason_message("token_expired", name))
    now = row.db_now
    planned = (row.next_refresh_at, row.not_before, oauth_app and oauth_app.circuit_open_until)
    waits = [at for at in planned if at and at > now]
    wait = min(math.ceil((max(waits, default=now) - now).total_seconds()), 3600)
    return ServiceUnavailable(reason_message("service_unavailable", name), retry_after=max(wait, 1))


def refresh_now(*, connection: Connection, actor: Actor) -> Connection:
    """Refresh on request, whatever the schedule says, unless the token was just issued. The connection's new state.

    Raises ReauthorizationRequired as soon as the service rejects the grant, though one more try follows, and WrongKind
    for a connection whose token does not expire, or is valid and cannot be refreshed.
    """
    row = None if connection.integration.kind in KINDS_WITHOUT_EXPIRY else load(connection.pk)
    if row is None or (row.expires_at is None and not row.refresh_grant_type):
        raise WrongKind(
            gettext_noop("%(connection)s has no token that expires, so there is nothing to refresh.")
            % {"connection": connection.name}
        )
    if not row.refresh_grant_type and is_valid(row):
        name = connection.integration.name
        raise WrongKind(
            gettext_noop("%(name)s issued no refresh token, so nothing can be refreshed. The access token is valid.")
            % {"name": name}
        )
    if is_valid(row) and row.db_now - row.obtained_at < JUST_ISSUED:
        return Connection.objects.with_details().get(pk=connection.pk)
    try:
        refresh(row, origin=actor.origin)
    except ServiceUnavailable:
        if load(connection.pk).last_failure == Outcome.GRANT_REFUSED.value:
            name = connection.integration.name
            raise ReauthorizationRequired(reason_message("reauthorization_required", name)) from None
        raise
    return Connection.objects.with_details().get(pk=connection.pk)
