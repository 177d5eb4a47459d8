"""Readers and refreshes at the same time: one token call per expiry, one truth, nothing expired handed out."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from apps.audit.models import AuditEvent
from apps.connections import refresh_policy
from apps.connections.errors import ReauthorizationRequired, ServiceUnavailable
from apps.connections.models import Connection, TokenSet
from apps.connections.services import lease as leases
from apps.connections.services import provider, renewal, use
from apps.connections.services import refresh as refreshing
from apps.connections.services.disconnect import disconnect
from apps.connections.services.refresh import ensure_fresh, load, refresh_now, try_refresh
from apps.connections.services.use import fresh_token
from apps.errors import NotFound, SpecwayError
from apps.oauth import client
from tests.authserver import AuthServer, Gate, altered, answers
from tests.authserver.faults import ABSENT
from tests.connections.conftest import (
    SYSTEM,
    Cast,
    Meanwhile,
    Traveller,
    access_token,
    actions,
    expire,
    let_lease_run_out,
    make_due,
    refresh_token,
    side_by_side,
    tokens_of,
)

NO_TTL = timedelta(0)


def token_for(connection: Connection, cast: Cast, **wanted: Any) -> str:
    return fresh_token(connection=connection, actor=cast.actor("member"), **wanted).access_token


# --- one at a time ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_fresh_token_is_served_without_a_call_or_a_write(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    before = TokenSet.objects.values().get()
    assert server.knows(token_for(connection, cast))
    assert TokenSet.objects.values().get() == before
    assert server.journal.refreshes == []


@pytest.mark.django_db
def test_an_expired_token_is_refreshed_and_the_new_one_served(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    old = access_token(connection)
    expire(connection)
    new = token_for(connection, cast)
    assert new != old
    assert server.knows(new)
    row = tokens_of(connection)
    assert (row.version, row.lease_token, row.sent_at, row.unresolved_sends) == (2, None, None, 0)
    assert actions("connection.refreshed", "token.handed_out") == ["connection.refreshed", "token.handed_out"]
    server.journal.check()


@pytest.mark.django_db
def test_a_token_inside_the_margin_is_served_and_its_refresh_hastened(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    expire(connection, ago=-30)
    TokenSet.objects.update(next_refresh_at=Now() + timedelta(minutes=5))
    assert token_for(connection, cast) == access_token(connection)
    assert server.journal.refreshes == []
    row = load(connection.pk)
    assert row.next_refresh_at is not None
    assert row.next_refresh_at <= row.db_now  # type: ignore[attr-defined]


@pytest.mark.django_db
def test_a_minimum_lifetime_is_met_by_a_refresh(connection: Connection, cast: Cast, server: AuthServer) -> None:
    expire(connection, ago=-600)
    assert token_for(connection, cast, min_ttl=300) == access_token(connection)
    assert server.journal.refreshes == []
    token_for(connection, cast, min_ttl=1200)
    assert len(server.journal.refreshes) == 1


@pytest.mark.django_db
def test_a_minimum_lifetime_longer_than_the_service_gives_costs_one_refresh_not_one_per_read(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    expire(connection, ago=-600)
    for _ in range(3):
        token_for(connection, cast, min_ttl=86_400)
    assert len(server.journal.refreshes) == 1


@pytest.mark.django_db
def test_a_minimum_lifetime_that_cannot_be_met_now_still_gets_a_valid_token(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    expire(connection, ago=-600)
    server.script(answers(503))
    assert server.knows(token_for(connection, cast, min_ttl=1200))


@pytest.mark.django_db
@pytest.mark.parametrize("value", [ABSENT, None, ""])
def test_refresh_keeps_the_old_refresh_token_when_none_is_returned(
    connection: Connection, cast: Cast, server: AuthServer, value: object
) -> None:
    server.rotation = "none"
    server.script(altered(refresh_token=value))
    before = refresh_token(connection)
    expire(connection)
    token_for(connection, cast)
    assert refresh_token(connection) == before
    expire(connection)
    assert server.knows(token_for(connection, cast))


@pytest.mark.django_db
def test_a_rotated_refresh_token_replaces_the_old_one(connection: Connection, cast: Cast, server: AuthServer) -> None:
    seen = {refresh_token(connection)}
    for _ in range(3):
        expire(connection)
        token_for(connection, cast)
        seen.add(refresh_token(connection))
    assert len(seen) == 4
    server.journal.check()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("value", "seconds"), [(0, 0), (-5, 0), ("3600", 3600), ("soon", None), (ABSENT, None), (10**12, 315_360_000)]
)
def test_expiry_is_read_from_whatever_the_service_sends(
    connection: Connection, server: AuthServer, value: object, seconds: int | None
) -> None:
    server.script(altered(expires_in=value))
    row = try_refresh(load(connection.pk), origin=SYSTEM)
    assert row is not None
    if seconds is None:
        assert row.expires_at is None
        assert row.next_refresh_at is not None
        assert timedelta(hours=21) < row.next_refresh_at - row.obtained_at <= timedelta(hours=24)
    else:
        assert row.expires_at is not None
        assert row.expires_at - row.obtained_at == timedelta(seconds=seconds)


@pytest.mark.django_db
def test_a_token_that_is_born_expired_is_not_handed_out_and_does_not_make_a_storm(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    server.script(altered(expires_in=0))
    expire(connection)
    with pytest.raises(ServiceUnavailable):
        token_for(connection, cast)
    assert "token.handed_out" not in actions()
    row = load(connection.pk)
    assert row.next_refresh_at is not None
    assert row.next_refresh_at > row.db_now  # type: ignore[attr-defined]


@pytest.mark.django_db
@pytest.mark.parametrize("status", [500, 503])
def test_an_expired_token_is_never_handed_out(
    connection: Connection, cast: Cast, server: AuthServer, status: int
) -> None:
    server.script(*[answers(status)] * 3)
    expire(connection, ago=1)
    with pytest.raises(ServiceUnavailable) as unavailable:
        token_for(connection, cast)
    assert unavailable.value.retry_after is not None
    assert unavailable.value.retry_after >= 1
    assert "token.handed_out" not in actions()


@pytest.mark.django_db
def test_a_valid_token_is_served_although_its_refresh_fails(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    server.script(answers(500), answers(500))
    with pytest.raises(ServiceUnavailable):
        refresh_now(connection=connection, actor=cast.actor("member"))
    assert server.knows(token_for(connection, cast))


@pytest.mark.django_db
def test_a_reader_waits_for_the_backoff_after_a_failure(connection: Connection, cast: Cast, server: AuthServer) -> None:
    server.script(answers(503, Retry_After="120"))
    expire(connection)
    for _ in range(3):
        with pytest.raises(ServiceUnavailable) as unavailable:
            token_for(connection, cast)
        assert 110 < (unavailable.value.retry_after or 0) <= 120
    assert len(server.arrivals) == 2, "one exchange, one refresh"
    make_due(connection)
    assert server.knows(token_for(connection, cast))


@pytest.mark.django_db
def test_a_reader_who_looked_before_the_failure_does_not_call_again(connection: Connection, server: AuthServer) -> None:
    expire(connection)
    early = [load(connection.pk) for _ in range(3)]
    server.script(*[answers(503)] * 4)
    for row in early:
        with pytest.raises(ServiceUnavailable):
            refreshing.refresh(row, origin=SYSTEM)
    assert server.arrivals == ["authorization_code", "refresh_token"]


@pytest.mark.django_db
def test_no_record_no_token(connection: Connection, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("the audit log is away")

    monkeypatch.setattr(use, "record", fail)
    with pytest.raises(RuntimeError):
        token_for(connection, cast)


@pytest.mark.django_db
def test_the_hand_out_is_in_the_log_with_the_fingerprint_of_the_token(connection: Connection, cast: Cast) -> None:
    from apps.audit.services import fingerprint

    token = token_for(connection, cast)
    assert AuditEvent.objects.get(action="token.handed_out").token_fp == fingerprint(token)


@pytest.mark.django_db
def test_the_repr_of_a_fresh_token_does_not_show_it(connection: Connection, cast: Cast) -> None:
    token = fresh_token(connection=connection, actor=cast.actor("member"))
    assert token.access_token not in repr(token)


# --- many at a time ---------------------------------------------------------------------------------------------------


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
def test_who_waits_too_long_is_told_to_come_back(
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
def test_a_late_answer_counts_as_long_as_the_version_stands(
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
def test_a_reconnect_during_a_refresh_wins_and_nothing_is_revoked(
    connection: Connection, cast: Cast, traveller: Traveller, server: AuthServer
) -> None:
    member = cast.actor("member")
    expire(connection)
    server.answer_gate = gate = Gate()
    reader = Meanwhile(lambda: token_for(connection, cast))
    assert gate.arrived.wait(10)
    server.answer_gate = None
    trip = traveller.begin(member, connection=connection)
    traveller.complete(trip, traveller.answer(trip), actor=member)
    reconnected = access_token(connection)
    gate.open()
    assert reader.result().value == reconnected == access_token(connection)
    assert server.journal.revoked == []
    assert "connection.refresh_fenced" in actions()
    assert server.knows(reconnected)


@pytest.mark.django_db(transaction=True)
def test_a_failure_after_a_reconnect_changes_nothing_and_the_newer_token_is_taken(
    connection: Connection, cast: Cast, traveller: Traveller, server: AuthServer
) -> None:
    member = cast.actor("member")
    server.script(answers(400, b'{"error": "invalid_grant"}'))
    server.answer_gate = gate = Gate()
    refresher = Meanwhile(lambda: refresh_now(connection=connection, actor=member))
    assert gate.arrived.wait(10)
    server.answer_gate = None
    trip = traveller.begin(member, connection=connection)
    traveller.complete(trip, traveller.answer(trip), actor=member)
    gate.open()
    assert refresher.result().error is None
    row = tokens_of(connection)
    assert (row.version, row.failure_count, row.last_failure) == (2, 0, "")


# --- interrupted ------------------------------------------------------------------------------------------------------


def interrupt(connection: Connection) -> None:
    """As a process that dies between sending and commit leaves it, with the lease run out since."""
    row = load(connection.pk)
    lease = leases.claim(token_set_id=row.pk, version=row.version)
    assert lease is not None
    assert leases.mark_sent(lease, refresh_token=refresh_token(connection)) is not None
    let_lease_run_out(connection)


def use_up(connection: Connection, server: AuthServer) -> None:
    """The server took the refresh token of the process that died."""
    server.token({"grant_type": "refresh_token", "refresh_token": refresh_token(connection)}, server._basic())


@pytest.mark.django_db
def test_a_claim_is_refused_while_it_is_held_and_free_after_it_ran_out(connection: Connection) -> None:
    row = tokens_of(connection)
    first = leases.claim(token_set_id=row.pk, version=1)
    assert first is not None
    assert leases.claim(token_set_id=row.pk, version=1) is None
    let_lease_run_out(connection)
    assert leases.claim(token_set_id=row.pk, version=2) is None
    second = leases.claim(token_set_id=row.pk, version=1)
    assert second is not None
    assert leases.mark_sent(first, refresh_token="x") is None, "the first owner may not send any more"
    leases.release(first)
    assert tokens_of(connection).lease_token == second.token


@pytest.mark.django_db
@pytest.mark.parametrize("rotation", ["none", "grace"])
def test_an_interrupted_refresh_is_repeated_at_once_where_that_does_no_harm(
    connection: Connection, cast: Cast, server: AuthServer, monkeypatch: pytest.MonkeyPatch, rotation: Any
) -> None:
    rotate(monkeypatch, server, rotation)
    interrupt(connection)
    use_up(connection, server)
    expire(connection)
    assert server.knows(token_for(connection, cast))
    assert not server.grants.families[0].revoked


def rotate(monkeypatch: pytest.MonkeyPatch, server: AuthServer, rotation: Any) -> None:
    """The server's rotation, and the catalogue's word for it."""
    from dataclasses import replace

    server.rotation = rotation
    original = provider.provider_config
    monkeypatch.setattr(provider, "provider_config", lambda *a, **k: replace(original(*a, **k), rotation=rotation))


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
    assert row.next_refresh_at == row.expires_at
    assert row.lease_token is None


@pytest.mark.django_db
def test_an_interrupted_refresh_under_strict_rotation_is_tried_once_after_expiry_and_heals(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    interrupt(connection)  # the request never arrived
    expire(connection)
    assert server.knows(token_for(connection, cast))
    assert tokens_of(connection).unresolved_sends == 0
    server.journal.check()


@pytest.mark.django_db
def test_an_interrupted_refresh_under_strict_rotation_that_had_arrived_ends_red_after_one_try(
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
def test_the_sending_is_marked_before_anything_leaves(
    connection: Connection, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.audit.services import fingerprint

    seen = []

    def look(*_: object, refresh_token: str, **__: object) -> None:
        row = TokenSet.objects.get()
        seen.append((row.sent_at is not None, row.sent_token_fp == fingerprint(refresh_token), row.unresolved_sends))
        raise KeyboardInterrupt

    monkeypatch.setattr(client, "refresh", look)
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
    monkeypatch.setattr(renewal, "CALL_DEADLINE", timedelta(seconds=0.4))
    server.script(dripped(over))
    began = time.monotonic()
    with pytest.raises(ServiceUnavailable):
        refresh_now(connection=connection, actor=cast.actor("member"))
    over.set()
    assert time.monotonic() - began < 15, "the answer alone would take longer"
    assert tokens_of(connection).last_failure == "unknown"


@pytest.mark.django_db(transaction=True)
def test_a_member_who_left_during_the_refresh_gets_no_token(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    server.answer_gate = gate = Gate()
    expire(connection)
    actor = cast.actor("member")
    reader = Meanwhile(lambda: fresh_token(connection=connection, actor=actor))
    assert gate.arrived.wait(10)
    cast.member.delete()
    gate.open()
    assert isinstance(reader.result().error, NotFound)
    assert "token.handed_out" not in actions()


@pytest.mark.django_db
def test_a_row_that_is_gone_is_told_as_such(connection: Connection, cast: Cast) -> None:
    TokenSet.objects.all().delete()
    with pytest.raises(ReauthorizationRequired):
        token_for(connection, cast)


@pytest.mark.django_db
def test_ensure_fresh_gives_what_it_was_given_where_expiry_is_unknown(
    connection: Connection, server: AuthServer
) -> None:
    TokenSet.objects.update(expires_at=None)
    row = load(connection.pk)
    assert ensure_fresh(row, min_ttl=NO_TTL, origin=SYSTEM) is row
    assert isinstance(SpecwayError("x"), Exception)
