"""Fresh tokens: one refresh per expiry, whatever runs at the same time, and never an expired token handed out.

The database row is the only truth: a lease decides who refreshes (`lease.py`), the version decides whose answer
counts (`outcome.py`), and a reader needs neither Redis nor a worker.
"""

import contextlib
import math
import time
from datetime import datetime, timedelta
from uuid import UUID

from django.db import Error as DatabaseAway
from django.db import transaction

from apps.audit.origin import Origin
from apps.connections import metrics
from apps.connections.errors import (
    ReauthorizationRequired,
    ServiceUnavailable,
    WrongKind,
)
from apps.connections.messages import reason_sentence
from apps.connections.models import Connection, Status, TokenSet
from apps.connections.policy import scopes
from apps.connections.policy.refresh_policy import READER_WAIT, Outcome, skew
from apps.connections.services import client_change, connection_params, fault_points, spool, tracing
from apps.connections.services.lease import Lease, claim, release
from apps.connections.services.provider import provider_of
from apps.connections.services.refresh_grant import RefreshGrant, refresh_grant_for
from apps.connections.services.refresh_outcome import record_failure
from apps.connections.services.stale import discard_stale
from apps.connections.services.status import mark_needs_attention
from apps.connections.services.token_values import accepted
from apps.errors import SpecwayError
from apps.integrations.errors import IntegrationMisconfigured
from apps.integrations.models import KINDS_SENT_AS_ENTERED, Integration
from apps.integrations.oauth_apps import circuit_breaker
from apps.integrations.oauth_apps.circuit_breaker import Admission
from apps.oauth.errors import OAuthError
from apps.oauth.provider import ProviderConfig
from apps.oauth.token_response import TokenResponse
from apps.sql import PreparedSelect, param
from apps.teams.actor import Actor

NEVER_ENDING = (*KINDS_SENT_AS_ENTERED, Integration.Kind.OAUTH1)
PERSON_MUST_ACT = (
    "reauthorization_required",
    "outcome_unknown",
    "token_expired",
    "key_refused",
    client_change.ADDRESS_REASON,
    client_change.REASON,
    connection_params.REASON,
)


_token_set = PreparedSelect(lambda: TokenSet.objects.with_everything().filter(connection=param(TokenSet, "connection")))


def load(connection_id: UUID) -> TokenSet:
    """The token set with everything that a refresh needs, and `db_now`. Raises ReauthorizationRequired without one."""
    row = _token_set.one(connection=connection_id)
    if row is None or row.connection.status == Status.DISCONNECTING:
        raise ReauthorizationRequired("This connection has no token any more. Connect the service again.")
    return row


def time_left(row: TokenSet) -> timedelta | None:
    """How long the access token lives, by the database's clock; None: nobody knows, or for ever."""
    return None if row.expires_at is None else row.expires_at - row.db_now  # type: ignore[attr-defined]  # annotated


def is_valid(row: TokenSet) -> bool:
    left = time_left(row)
    return left is None or left > timedelta(0)


def ensure_fresh(row: TokenSet, *, min_ttl: timedelta, origin: Origin) -> TokenSet:
    """The token set with an access token that lives longer than the skew, and than `min_ttl` where that is possible.

    A valid token is served whatever happens to the refresh; an expired one never. Raises what `why_not` says.
    """
    left = time_left(row)
    if left is None:
        return row
    lifetime = row.expires_at - row.obtained_at if row.expires_at else left
    wanted = min(min_ttl, lifetime - skew(lifetime))
    if left > max(skew(lifetime), wanted):
        return row
    if left > timedelta(0) and (left >= wanted or not row.refresh_grant_type):
        schedule_now(row)
        return row
    try:
        return refresh_or_wait(row, origin=origin)
    except SpecwayError:
        with contextlib.suppress(DatabaseAway):  # then what went wrong first is the answer
            again = load(row.connection_id)
            if is_valid(again):
                return again
        raise


def schedule_now(row: TokenSet) -> None:
    """Make a refresh due now, for the next beat to find. Nothing waits for it."""
    now: datetime = row.db_now  # type: ignore[attr-defined]  # annotated
    if row.refresh_grant_type and not row.failure_count and row.next_refresh_at and row.next_refresh_at > now:
        TokenSet.objects.filter(pk=row.pk, version=row.version).update(next_refresh_at=now)


def refresh_or_wait(row: TokenSet, *, origin: Origin) -> TokenSet:
    """Refresh, unless the last failure says to wait; whoever loses the claim waits for the winner, bounded."""
    if row.failure_count and row.next_refresh_at and row.next_refresh_at > row.db_now:  # type: ignore[attr-defined]
        raise why_not(row)
    return refresh(row, origin=origin)


def refresh(row: TokenSet, *, origin: Origin) -> TokenSet:
    """The token set at a later version than `row`'s, refreshed by us or by whoever holds the claim."""
    until = time.monotonic() + READER_WAIT.total_seconds()
    while True:
        newer = try_refresh(row, origin=origin)
        if newer is not None:
            return newer
        with metrics.lease_wait(row.connection.integration):
            seen = _wait_for_change(row, until=until)
        if seen.version > row.version:
            return seen
        # Somebody tried since `row` was read, and failed: that is the answer for everybody who asked at that time.
        failed_meanwhile = seen.failure_count != row.failure_count
        if failed_meanwhile or seen.lease_until is None or time.monotonic() >= until:
            raise why_not(seen)
        row = seen


def try_refresh(row: TokenSet, *, origin: Origin) -> TokenSet | None:
    """Refresh if the claim can be won; None if somebody else holds it or tried since. Raises what `why_not` says."""
    return load(row.connection_id) if attempt_refresh(row, origin=origin) else None


def attempt_refresh(row: TokenSet, *, origin: Origin) -> bool:
    """Refresh if the claim can be won; False if somebody else holds it or tried since. Raises what `why_not` says."""
    if not row.refresh_grant_type or row.connection.status_reason in PERSON_MUST_ACT:
        raise why_not(row)
    provider = provider_of(row.connection)
    if row.unresolved_sends and spool.replay() and load(row.connection_id).version != row.version:
        return False
    if _is_held(row):
        return False
    if client_change.belongs_to_earlier_client(row):
        raise _of_earlier_client(row, origin=origin)
    if row.unresolved_sends and provider.rotation == "strict" and row.expires_at and is_valid(row):
        # The refresh token may be used up already: first use up the access token that still lives (one try follows).
        TokenSet.objects.filter(pk=row.pk, version=row.version).update(next_refresh_at=row.expires_at)
        raise why_not(load(row.connection_id))
    renewal = refresh_grant_for(row, provider)
    oauth_app = row.connection.oauth_app
    admission = circuit_breaker.admit(oauth_app) if oauth_app else Admission.CLOSED
    if admission is Admission.REFUSED:
        raise why_not(row)
    lease = claim(row=row, refresh_token=renewal.secret, admission=admission)
    if lease is None:
        return False
    with tracing.traced(tracing.of_connection(row.connection)):
        _send_and_commit(lease, provider, renewal, origin=origin)
    return True


def _is_held(row: TokenSet) -> bool:
    """Somebody was refreshing it when the row was read, so nothing is to be concluded from what stands there."""
    return row.lease_until is not None and row.lease_until >= row.db_now  # type: ignore[attr-defined]  # annotated


def _send_and_commit(lease: Lease, provider: ProviderConfig, renewal: RefreshGrant, *, origin: Origin) -> None:
    row = lease.row
    fault_points.reached(fault_points.BEFORE_SEND)
    if lease.too_old_to_send:
        # Stopped since the claim, perhaps past the lease: by now the refresh token may be used up by the next owner.
        release(lease)
        raise why_not(load(row.connection_id))
    try:
        with metrics.token_call(row.connection.integration, grant=row.refresh_grant_type):
            response = renewal.send()
    except OAuthError as error:
        record_failure(lease, error, provider=provider, now=lease.now, origin=origin)
        current = load(row.connection_id)
        if current.version == row.version:
            raise why_not(current) from None
        return  # a newer version is there, so this failure is nobody's concern
    fault_points.reached(fault_points.AFTER_ANSWER)
    _commit(lease, provider, response, origin=origin)


def _of_earlier_client(row: TokenSet, *, origin: Origin) -> SpecwayError:
    """The refresh token stays here: the OAuth app is another client now, and would show it the wrong credentials."""
    with transaction.atomic(durable=True):
        mark_needs_attention(row.connection, reason=client_change.REASON, origin=origin)
        TokenSet.objects.filter(pk=row.pk, version=row.version).update(next_refresh_at=None)
    return ReauthorizationRequired(reason_sentence(client_change.REASON, row.connection.integration.name))


def _commit(lease: Lease, provider: ProviderConfig, response: TokenResponse, *, origin: Origin) -> None:
    row = lease.row
    before = row.connection.scopes_granted
    granted = scopes.granted(answered=response.scopes, requested=before)
    arrival = spool.Arrival(
        token_set_id=row.pk,
        version=row.version,
        values=accepted(row, response, provider=provider, sent_at=lease.sent_at),
        granted=granted,
        lost=scopes.missing(wanted=before, granted=granted, provider=provider),
        row=row,
    )
    written = spool.store(arrival, origin=origin)
    metrics.refreshed(row.connection.integration, written=written)
    if written is None:
        raise ServiceUnavailable(
            f"{row.connection.integration.name} gave a new token, and it is kept safe, but the database is away. "
            "Try again in a moment.",
            retry_after=10,
        )
    if not written:
        discard_stale(row, provider, response, origin=origin)


def _wait_for_change(row: TokenSet, *, until: float) -> TokenSet:
    """The token set once it moved on, was given back, or its lease ran out; or as it stands when the wait is over."""
    pause = 0.05
    while True:
        seen = load(row.connection_id)
        held = seen.lease_until is not None and seen.lease_until > seen.db_now  # type: ignore[attr-defined]  # annotated
        if seen.version > row.version or not held or time.monotonic() >= until:
            return seen
        time.sleep(pause)
        pause = min(pause * 1.5, 0.5)


def why_not(row: TokenSet) -> SpecwayError:
    """Why there is no fresh token, and whose fault that is: the grant's, the OAuth app's, or the service's."""
    connection, oauth_app = row.connection, row.connection.oauth_app
    name = connection.integration.name
    if connection.status_reason in PERSON_MUST_ACT:
        return ReauthorizationRequired(reason_sentence(connection.status_reason, name))
    if oauth_app is not None and oauth_app.broken_since is not None:
        return IntegrationMisconfigured(reason_sentence("integration_misconfigured", name))
    if not row.refresh_grant_type:
        return ReauthorizationRequired(reason_sentence("token_expired", name))
    now: datetime = row.db_now  # type: ignore[attr-defined]  # annotated
    waits = [at for at in (row.next_refresh_at, oauth_app and oauth_app.circuit_open_until) if at and at > now]
    wait = min(math.ceil((max(waits, default=now) - now).total_seconds()), 3600)
    return ServiceUnavailable(reason_sentence("service_unavailable", name), retry_after=max(wait, 1))


def refresh_now(*, connection: Connection, actor: Actor) -> Connection:
    """Refresh because a person or a program asked to, whatever the schedule says. The connection as it then stands.

    Raises ReauthorizationRequired as soon as the service refuses the grant, though it is tried once more by itself,
    and WrongKind for what has no token that ends.
    """
    if connection.integration.kind in NEVER_ENDING:
        raise WrongKind(f"{connection.name} has no token that ends, so there is nothing to refresh.")
    row = load(connection.pk)
    try:
        refresh(row, origin=actor.origin)
    except ServiceUnavailable:
        if load(connection.pk).last_failure == Outcome.GRANT_REFUSED.value:
            name = connection.integration.name
            raise ReauthorizationRequired(reason_sentence("reauthorization_required", name)) from None
        raise
    return Connection.objects.with_details().get(pk=connection.pk)
