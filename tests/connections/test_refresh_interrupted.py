"""A process dies, or is late, between claim and commit: what the next owner does."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from apps.connections.errors import ReauthorizationRequired, ServiceUnavailable
from apps.connections.models import Connection, TokenSet
from apps.connections.policy import refresh_policy
from apps.connections.services import lease as leases
from apps.connections.services import refresh_grant
from apps.connections.services.refresh import attempt_refresh, load, refresh_now
from apps.connections.services.schedule import SYSTEM
from apps.oauth import token_request
from tests.authserver import AuthServer
from tests.fixtures.connections import (
    Cast,
    expire,
    let_lease_run_out,
    refresh_token,
    rotate,
    token_for,
    tokens_of,
)


def interrupt(connection: Connection) -> None:
    """As a process that dies between sending and commit leaves it, with the lease run out since."""
    row = load(connection.pk)
    assert leases.acquire_lease(row=row, refresh_token=refresh_token(connection)) is not None
    let_lease_run_out(connection)


def use_up(connection: Connection, server: AuthServer) -> None:
    """The server took the refresh token of the process that died."""
    server.token({"grant_type": "refresh_token", "refresh_token": refresh_token(connection)}, server._basic())


@pytest.mark.django_db
def test_a_claim_is_refused_while_it_is_held_and_free_after_it_ran_out(connection: Connection) -> None:
    row = load(connection.pk)
    first = leases.acquire_lease(row=row, refresh_token="x")
    assert first is not None
    assert leases.acquire_lease(row=load(connection.pk), refresh_token="x") is None
    let_lease_run_out(connection)
    assert leases.acquire_lease(row=row, refresh_token="x") is None, "the token was sent since the row was read"
    second = leases.acquire_lease(row=load(connection.pk), refresh_token="x")
    assert second is not None
    leases.release_lease(first)
    assert tokens_of(connection).lease_token == second.token
    leases.release_lease(second)
    assert (tokens_of(connection).lease_token, tokens_of(connection).unresolved_sends) == (None, 1)


@pytest.mark.django_db
@pytest.mark.parametrize("rotation", ["none", "grace"])
def test_an_interrupted_refresh_is_repeated_at_once_where_that_is_safe(
    connection: Connection, cast: Cast, server: AuthServer, monkeypatch: pytest.MonkeyPatch, rotation: Any
) -> None:
    rotate(monkeypatch, server, rotation)
    interrupt(connection)
    use_up(connection, server)
    expire(connection)
    assert server.knows(token_for(connection, cast))
    assert not server.grants.families[0].revoked


@pytest.mark.django_db
def test_an_interrupted_refresh_under_strict_rotation_first_uses_up_the_token_that_lives(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    interrupt(connection)
    with pytest.raises(ServiceUnavailable):
        refresh_now(connection=connection, actor=cast.actor("member"))
    assert server.journal.refreshes == []
    assert server.knows(token_for(connection, cast))
    row = tokens_of(connection)
    assert row.expires_at is not None
    assert row.next_refresh_at == row.expires_at - timedelta(seconds=5)


@pytest.mark.django_db
def test_a_refresh_under_way_is_waited_for_and_not_taken_for_an_interrupted_one(connection: Connection) -> None:
    assert leases.acquire_lease(row=load(connection.pk), refresh_token=refresh_token(connection)) is not None
    due = tokens_of(connection).next_refresh_at
    assert attempt_refresh(load(connection.pk), origin=SYSTEM) is False
    assert tokens_of(connection).next_refresh_at == due


@pytest.mark.django_db
def test_an_interrupted_strict_refresh_is_tried_once_after_expiry_and_recovers(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    interrupt(connection)  # the request never arrived
    expire(connection)
    assert server.knows(token_for(connection, cast))
    assert tokens_of(connection).unresolved_sends == 0
    server.journal.check()


@pytest.mark.django_db
def test_an_interrupted_strict_refresh_that_had_arrived_needs_attention_after_a_try(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    interrupt(connection)
    use_up(connection, server)
    expire(connection)
    with pytest.raises(ReauthorizationRequired):
        token_for(connection, cast)
    red = Connection.objects.get()
    assert (red.status, red.status_reason) == ("needs_attention", "outcome_unknown")
    assert tokens_of(connection).next_refresh_at is None
    for _ in range(3):
        with pytest.raises(ReauthorizationRequired):
            token_for(connection, cast)
        with pytest.raises(ReauthorizationRequired):
            refresh_now(connection=connection, actor=cast.actor("member"))
    assert server.arrivals.count("refresh_token") == 1, "never a loop"


@pytest.mark.django_db
def test_an_interrupted_refresh_of_a_token_without_expiry_is_tried_once_too(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    TokenSet.objects.update(expires_at=None)
    interrupt(connection)
    refresh_now(connection=connection, actor=cast.actor("member"))
    assert len(server.journal.refreshes) == 1
    assert tokens_of(connection).next_refresh_at is not None


@pytest.mark.django_db
def test_a_claim_that_grew_old_before_sending_is_given_back_unsent(
    connection: Connection, cast: Cast, server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "CLAIM_TO_SEND", timedelta(seconds=-1))
    expire(connection)
    with pytest.raises(ServiceUnavailable):
        token_for(connection, cast)
    row = tokens_of(connection)
    assert (row.lease_token, row.sent_at, row.unresolved_sends) == (None, None, 0)
    assert server.journal.refreshes == []


@pytest.mark.django_db
def test_the_send_is_recorded_before_the_request(
    connection: Connection, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.audit.services import fingerprint

    seen = []

    def look(*_: object, refresh_token: str, **__: object) -> None:
        row = TokenSet.objects.get()
        seen.append((row.sent_at is not None, row.sent_token_fp == fingerprint(refresh_token), row.unresolved_sends))
        raise KeyboardInterrupt

    monkeypatch.setattr(token_request, "refresh", look)
    with pytest.raises(KeyboardInterrupt):
        refresh_now(connection=connection, actor=cast.actor("member"))
    assert seen == [(True, True, 1)]


def test_a_commit_ends_within_the_lease() -> None:
    assert (
        refresh_policy.CLAIM_TO_SEND + refresh_policy.CALL_DEADLINE + refresh_policy.COMMIT_RETRIES
        < refresh_policy.LEASE
    )


@pytest.mark.django_db
def test_a_slow_service_is_cut_off_by_one_deadline(
    connection: Connection, cast: Cast, server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.authserver import dripped

    over = threading.Event()
    monkeypatch.setattr(refresh_grant, "CALL_DEADLINE", timedelta(seconds=0.4))
    server.script(dripped(over))
    began = time.monotonic()
    with pytest.raises(ServiceUnavailable):
        refresh_now(connection=connection, actor=cast.actor("member"))
    over.set()
    assert time.monotonic() - began < 15, "the answer alone would take longer"
    assert tokens_of(connection).last_failure == "unknown"
