"""Disconnecting: revoked where that is possible, erased always, and reported as it was."""

from datetime import timedelta

import pytest
from django.db import connection as database

from apps.audit.models import AuditEvent
from apps.connections import tasks
from apps.connections.models import AuthorizationAttempt, Connection, TokenSet, WorkflowUse
from apps.connections.services import disconnect as disconnecting
from apps.connections.services.disconnect import disconnect
from apps.connections.services.refresh import load
from apps.connections.services.tokens import issue_token
from apps.errors import NotFound
from apps.oauth import revocation
from apps.oauth.errors import RevocationUnsupported
from apps.sql import Now
from tests.authserver import AuthServer
from tests.fixtures.connections import (
    Cast,
    ConnectFlow,
    access_token,
    actions,
    refresh_token,
    side_by_side,
    tokens_of,
)


@pytest.mark.django_db
def test_the_grant_is_revoked_and_everything_erased(connection: Connection, cast: Cast, server: AuthServer) -> None:
    tokens = [refresh_token(connection), access_token(connection)]
    WorkflowUse.objects.create(connection=connection, workflow_id="wf-1", name="Nightly sync", last_used_at=Now())
    done = disconnect(actor=cast.actor("member"), connection=connection)
    assert (done.revocation, done.name) == ("revoked", "ada@sandbox.example")
    assert done.manage_url == f"{server.url}/"
    assert server.journal.revoked == tokens
    assert not server.knows(tokens[1])
    for model in (Connection, TokenSet, WorkflowUse, AuthorizationAttempt):
        assert not model.objects.exists()
    event = AuditEvent.objects.get(action="connection.disconnected")
    assert event.detail == {"revocation": "revoked", "workflows": ["Nightly sync"]}
    assert event.target_label == "ada@sandbox.example"


@pytest.mark.django_db
def test_no_ciphertext_of_a_disconnected_connection_stays_in_the_database(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    stored = TokenSet.objects.values("access_token", "refresh_token").get()
    needles = [value.to_bytes() for value in stored.values()]
    disconnect(actor=cast.actor("member"), connection=connection)
    for table in database.introspection.table_names():
        with database.cursor() as cursor:
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - names from the database itself
            cells = [bytes(cell) for row in cursor for cell in row if isinstance(cell, bytes | memoryview)]
        assert not set(needles) & set(cells), table


@pytest.mark.django_db
def test_a_revocation_that_fails_is_reported_and_still_erases(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    server.revocation_status = 500
    done = disconnect(actor=cast.actor("member"), connection=connection)
    assert done.revocation == "failed"
    assert "may still be valid" in done.sentence
    assert not TokenSet.objects.exists()
    assert AuditEvent.objects.get(action="connection.disconnected").detail["revocation"] == "failed"


@pytest.mark.django_db
def test_a_service_that_is_not_there_does_not_keep_anybody_connected(
    connection: Connection, cast: Cast, server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.egress import destination

    monkeypatch.setattr(destination, "_allowed", frozenset())
    assert disconnect(actor=cast.actor("member"), connection=connection).revocation == "failed"
    assert not Connection.objects.exists()


@pytest.mark.django_db
def test_a_service_without_revocation_is_reported_as_such(
    connection: Connection, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: object, **__: object) -> None:
        raise RevocationUnsupported

    monkeypatch.setattr(revocation, "revoke", unsupported)
    done = disconnect(actor=cast.actor("member"), connection=connection)
    assert done.revocation == "unsupported"
    assert "still valid there" in done.sentence


@pytest.mark.django_db
def test_a_connection_without_tokens_has_nothing_to_revoke(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    TokenSet.objects.all().delete()
    assert disconnect(actor=cast.actor("member"), connection=connection).revocation == "none"
    assert server.journal.revoked == []


@pytest.mark.django_db(transaction=True)
def test_of_two_that_disconnect_at_once_one_does_and_one_finds_nothing(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    who = [cast.actor("member"), cast.actor("admin")]
    results = side_by_side(*[lambda actor=actor: disconnect(actor=actor, connection=connection) for actor in who])
    assert sorted(type(result.error).__name__ for result in results) == ["NoneType", "NotFound"]
    assert actions("connection.disconnected") == ["connection.disconnected"]
    assert len(server.journal.revoked) == 2, "refresh and access token, once each"


@pytest.mark.django_db
def test_what_a_dying_process_left_is_hidden_unusable_and_finished_later(
    connection: Connection, cast: Cast, server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    member, kept = cast.actor("member"), disconnecting._revoke
    monkeypatch.setattr(disconnecting, "_revoke", die)
    with pytest.raises(KeyboardInterrupt):
        disconnect(actor=member, connection=connection)
    monkeypatch.setattr(disconnecting, "_revoke", kept)

    assert not Connection.objects.visible_to(member).exists()
    assert not Connection.objects.usable_by(member).exists()
    with pytest.raises(Exception, match="no token any more"):
        issue_token(connection=connection, actor=member)
    with pytest.raises(NotFound):
        disconnect(actor=member, connection=connection)
    assert disconnecting.finish_disconnects() == 0, "somebody may be at it still"
    Connection.objects.update(status_changed_at=Now() - timedelta(minutes=3))
    tasks.finish_disconnects()
    assert not Connection.objects.exists()
    assert len(server.journal.revoked) == 2
    assert actions("connection.disconnected") == ["connection.disconnected"]
    assert disconnecting.finish_disconnects() == 0


@pytest.mark.django_db
def test_a_reconnect_of_a_connection_disconnected_meanwhile_leaves_no_grant_behind(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.connections.errors import AttemptSettled
    from apps.connections.services import exchange

    member = cast.actor("member")
    flow = connect_flow.begin(member, connection=connection)
    answer, kept = connect_flow.answer(flow), exchange._exchange

    def disconnect_during_the_exchange(*given: object, **named: object) -> object:
        grant = kept(*given, **named)  # type: ignore[arg-type]
        disconnect(actor=member, connection=connection)
        return grant

    monkeypatch.setattr(exchange, "_exchange", disconnect_during_the_exchange)
    with pytest.raises(AttemptSettled):
        connect_flow.complete(flow, answer, actor=member)
    assert not Connection.objects.exists()
    assert [family.revoked for family in server.grants.families] == [True, True]


@pytest.mark.django_db
def test_the_row_of_a_disconnected_connection_cannot_be_loaded(connection: Connection, cast: Cast) -> None:
    Connection.objects.update(status="disconnecting")
    with pytest.raises(Exception, match="no token any more"):
        load(connection.pk)
    assert tokens_of(connection).version == 1
