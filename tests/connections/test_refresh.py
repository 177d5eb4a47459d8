"""Fresh tokens for one reader: one token call per expiry, nothing expired handed out."""

from datetime import timedelta

import pytest

from apps.audit.models import AuditEvent
from apps.connections.errors import ReauthorizationRequired, ServiceUnavailable
from apps.connections.models import Connection, TokenSet
from apps.connections.services import refresh as refreshing
from apps.connections.services import tokens
from apps.connections.services.refresh import attempt_refresh, ensure_fresh, load, refresh_now
from apps.connections.services.tokens import issue_token
from apps.sql import Now
from tests.authserver import AuthServer, altered, answers
from tests.authserver.faults import ABSENT
from tests.fixtures.connections import (
    SYSTEM,
    Cast,
    access_token,
    actions,
    expire,
    make_due,
    refresh_token,
    token_for,
    tokens_of,
)

NO_TTL = timedelta(0)


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
def test_a_token_inside_the_margin_is_served_and_its_refresh_scheduled_now(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    expire(connection, ago=-30)
    TokenSet.objects.update(next_refresh_at=Now() + timedelta(minutes=5))
    assert token_for(connection, cast) == access_token(connection)
    assert server.journal.refreshes == []
    row = load(connection.pk)
    assert row.next_refresh_at is not None
    assert row.next_refresh_at <= row.db_now


@pytest.mark.django_db
def test_a_minimum_lifetime_is_met_by_a_refresh(connection: Connection, cast: Cast, server: AuthServer) -> None:
    expire(connection, ago=-600)
    assert token_for(connection, cast, min_ttl=300) == access_token(connection)
    assert server.journal.refreshes == []
    token_for(connection, cast, min_ttl=1200)
    assert len(server.journal.refreshes) == 1


@pytest.mark.django_db
def test_a_minimum_lifetime_longer_than_the_token_costs_one_refresh_not_one_per_read(
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
    assert attempt_refresh(load(connection.pk), origin=SYSTEM)
    row = load(connection.pk)
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
    assert row.next_refresh_at > row.db_now


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
        assert 110 < (unavailable.value.retry_after or 0) < 125
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

    monkeypatch.setattr(tokens, "record", fail)
    with pytest.raises(RuntimeError):
        token_for(connection, cast)


@pytest.mark.django_db
def test_the_hand_out_is_in_the_log_with_the_fingerprint_of_the_token(connection: Connection, cast: Cast) -> None:
    from apps.audit.services import fingerprint

    token = token_for(connection, cast)
    assert AuditEvent.objects.get(action="token.handed_out").token_fp == fingerprint(token)


@pytest.mark.django_db
def test_the_repr_of_a_fresh_token_does_not_show_it(connection: Connection, cast: Cast) -> None:
    token = issue_token(connection=connection, actor=cast.actor("member"))
    assert token.access_token not in repr(token)


@pytest.mark.django_db
def test_a_row_that_is_gone_is_reported_as_such(connection: Connection, cast: Cast) -> None:
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
