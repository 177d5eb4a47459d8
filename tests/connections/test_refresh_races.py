"""Readers, refreshes, disconnects and reconnects at the same time: one token call, one truth."""

import threading
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection as database

from apps.audit.models import AuditEvent
from apps.connections.errors import ReauthorizationRequired, ServiceUnavailable
from apps.connections.models import Connection, TokenSet
from apps.connections.services import refresh as refreshing
from apps.connections.services import refresh_outcome
from apps.connections.services.connection_params import provider_of
from apps.connections.services.disconnect import disconnect
from apps.connections.services.refresh import refresh_now
from apps.connections.services.token_values import token_columns
from apps.connections.services.tokens import issue_token
from apps.errors import NotFound
from apps.oauth.token_response import TokenResponse
from tests.authserver import AuthServer, Gate, answers
from tests.fixtures.connections import (
    SYSTEM,
    Cast,
    ConnectFlow,
    Meanwhile,
    access_token,
    actions,
    expire,
    let_lease_run_out,
    refresh_token,
    side_by_side,
    token_for,
    tokens_of,
    wait_until_somebody_is_blocked,
)


@pytest.mark.django_db(transaction=True)
def test_many_readers_at_expiry_make_one_token_call_and_get_the_same_token(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    expire(connection)
    results = side_by_side(*[lambda: token_for(connection, cast)] * 12)
    assert [result.error for result in results] == [None] * 12
    assert {result.value for result in results} == {access_token(connection)}
    assert len(server.journal.refreshes) == 1
    assert actions("token.handed_out") == ["token.handed_out"] * 12
    server.journal.check()


@pytest.mark.django_db(transaction=True)
def test_a_reader_without_the_claim_waits_for_the_winners_token(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    server.gate = gate = Gate()
    expire(connection)
    winner = Meanwhile(lambda: token_for(connection, cast))
    assert gate.arrived.wait(10)
    loser = Meanwhile(lambda: token_for(connection, cast))
    gate.open()
    assert winner.result().value == loser.result().value == access_token(connection)
    assert len(server.journal.refreshes) == 1


@pytest.mark.django_db(transaction=True)
def test_a_failure_of_the_winner_is_the_losers_answer_too(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    server.gate = gate = Gate()
    server.script(*[answers(500)] * 20)
    expire(connection)
    readers = [Meanwhile(lambda: token_for(connection, cast)) for _ in range(8)]
    assert gate.arrived.wait(10)
    gate.open()
    errors = [reader.result().error for reader in readers]
    assert {type(error) for error in errors} == {ServiceUnavailable}
    assert {str(error) for error in errors} == {str(errors[0])}
    assert server.arrivals.count("refresh_token") == 1


@pytest.mark.django_db(transaction=True)
def test_a_caller_that_waits_too_long_is_asked_to_retry(
    connection: Connection, cast: Cast, server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refreshing, "READER_WAIT", timedelta(seconds=0.3))
    server.gate = gate = Gate()
    expire(connection)
    winner = Meanwhile(lambda: token_for(connection, cast))
    assert gate.arrived.wait(10)
    with pytest.raises(ServiceUnavailable) as unavailable:
        token_for(connection, cast)
    assert unavailable.value.retry_after
    gate.open()
    assert server.knows(winner.result().value)


@pytest.mark.django_db(transaction=True)
def test_a_late_answer_counts_as_long_as_the_version_is_current(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    server.answer_gate = gate = Gate()
    expire(connection)
    reader = Meanwhile(lambda: token_for(connection, cast))
    assert gate.arrived.wait(10)
    let_lease_run_out(connection)
    gate.open()
    assert reader.result().value == access_token(connection)
    assert tokens_of(connection).version == 2
    server.journal.check()


@pytest.mark.django_db(transaction=True)
def test_an_answer_after_the_version_moved_is_dropped_and_audited(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    server.rotation = "grace"
    server.answer_gate = gate = Gate()
    expire(connection)
    late = Meanwhile(lambda: token_for(connection, cast))
    assert gate.arrived.wait(10)
    let_lease_run_out(connection)
    server.answer_gate = None
    # The next owner sees an interrupted refresh, and with a grace period tries once more.
    first = token_for(connection, cast)
    gate.open()
    assert late.result().value == first == access_token(connection)
    assert tokens_of(connection).version == 2
    assert actions("connection.refreshed", "connection.refresh_fenced") == [
        "connection.refreshed",
        "connection.refresh_fenced",
    ]
    assert server.journal.revoked == []


@pytest.mark.django_db(transaction=True)
def test_a_disconnect_during_a_refresh_revokes_the_new_token_too(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    server.answer_gate = gate = Gate()
    expire(connection)
    reader = Meanwhile(lambda: token_for(connection, cast))
    assert gate.arrived.wait(10)
    # The grant survives the revocation of the used-up token, as at services that forget such tokens.
    server.grants.families[0].used.clear()
    disconnect(actor=cast.actor("member"), connection=connection)
    gate.open()
    assert isinstance(reader.result().error, ReauthorizationRequired | NotFound)
    assert not Connection.objects.exists()
    assert server.grants.families[0].refresh_token in server.journal.revoked
    assert server.grants.families[0].revoked
    [fenced] = AuditEvent.objects.filter(action="connection.refresh_fenced")
    assert fenced.detail["disconnected"] is True


@pytest.mark.django_db(transaction=True)
def test_a_reconnect_during_a_refresh_wins_and_its_tokens_are_not_revoked(
    connection: Connection, cast: Cast, connect_flow: ConnectFlow, server: AuthServer
) -> None:
    member = cast.actor("member")
    expire(connection)
    server.answer_gate = gate = Gate()
    reader = Meanwhile(lambda: token_for(connection, cast))
    assert gate.arrived.wait(10)
    server.answer_gate = None
    flow = connect_flow.begin(member, connection=connection)
    connect_flow.complete(flow, connect_flow.answer(flow), actor=member)
    reconnected = access_token(connection)
    gate.open()
    assert reader.result().value == reconnected == access_token(connection)
    assert not {reconnected, refresh_token(connection)} & set(server.journal.revoked)
    assert "connection.refresh_fenced" in actions()
    assert server.knows(reconnected)


@pytest.mark.django_db(transaction=True)
def test_a_failure_after_a_reconnect_changes_nothing_and_the_newer_token_is_taken(
    connection: Connection, cast: Cast, connect_flow: ConnectFlow, server: AuthServer
) -> None:
    member = cast.actor("member")
    server.script(answers(400, b'{"error": "invalid_grant"}'))
    server.answer_gate = gate = Gate()
    refresher = Meanwhile(lambda: refresh_now(connection=connection, actor=member))
    assert gate.arrived.wait(10)
    server.answer_gate = None
    flow = connect_flow.begin(member, connection=connection)
    connect_flow.complete(flow, connect_flow.answer(flow), actor=member)
    gate.open()
    assert refresher.result().error is None
    row = tokens_of(connection)
    assert (row.version, row.failure_count, row.last_failure) == (2, 0, "")


@pytest.mark.django_db(transaction=True)
def test_a_member_who_left_during_the_refresh_gets_no_token(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    server.answer_gate = gate = Gate()
    expire(connection)
    actor = cast.actor("member")
    reader = Meanwhile(lambda: issue_token(connection=connection, actor=actor))
    assert gate.arrived.wait(10)
    cast.member.delete()
    gate.open()
    assert isinstance(reader.result().error, NotFound)
    assert "token.handed_out" not in actions()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(database.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_a_commit_and_a_disconnect_lock_in_the_same_order(
    connection: Connection, cast: Cast, server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would wait for the other's second row if they locked connection and token set the two ways round."""
    between, go_on = threading.Event(), threading.Event()

    def filter_slowly(**lookups: Any) -> Any:
        between.set()
        go_on.wait(20)
        return Connection.objects.filter(**lookups)

    slow = SimpleNamespace(objects=SimpleNamespace(filter=filter_slowly))
    row = TokenSet.objects.with_everything().get()
    values = token_columns(row, TokenResponse("a" * 20), provider=provider_of(connection), sent_at=row.obtained_at)
    monkeypatch.setattr(refresh_outcome, "Connection", slow)
    commit = Meanwhile(lambda: refresh_outcome.commit_tokens(row, values, granted=[], lost=[], origin=SYSTEM))
    assert between.wait(10)
    disconnected = Meanwhile(lambda: disconnect(actor=cast.actor("member"), connection=connection))
    wait_until_somebody_is_blocked()
    go_on.set()
    assert (commit.result().error, disconnected.result().error) == (None, None)


@pytest.mark.django_db
def test_the_version_is_compared_in_the_write_itself(connection: Connection, server: AuthServer) -> None:
    row = TokenSet.objects.with_everything().get()
    values = token_columns(row, TokenResponse("a" * 20), provider=provider_of(connection), sent_at=row.obtained_at)
    TokenSet.objects.update(version=2)
    before = access_token(connection)
    assert refresh_outcome.commit_tokens(row, values, granted=[], lost=[], origin=SYSTEM) is False
    assert access_token(connection) == before
    assert "connection.refreshed" not in actions()
