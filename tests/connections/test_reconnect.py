"""Repairing a connection: the same ID, the same account or a question, and nothing lost until it is answered."""

from datetime import timedelta

import pytest

from apps.connections.errors import AttemptSettled, CallbackRejected, ExchangeFailed
from apps.connections.models import AuthorizationAttempt, Connection, TokenSet
from apps.connections.services.account_mismatch import resolve_account_mismatch
from apps.connections.services.attempt_expiry import expire_attempts
from apps.connections.services.authorize import attempt_of, cancel
from apps.connections.services.disconnect import disconnect
from apps.errors import NotAllowed, NotFound
from apps.sql import Now
from apps.teams.models import Role
from tests.authserver import AuthServer, altered
from tests.fixtures.connections import (
    Cast,
    ConnectFlow,
    access_token,
    actions,
    refresh_token,
    side_by_side,
    tokens_of,
)

Status = AuthorizationAttempt.Status


@pytest.fixture
def undecided(connection: Connection, cast: Cast, connect_flow: ConnectFlow) -> AuthorizationAttempt:
    """A reconnect of the member's connection that another account answered."""
    flow = connect_flow.begin(cast.actor("member"), connection=connection)
    return connect_flow.complete(flow, connect_flow.answer(flow, subject="grace"), actor=cast.actor("member"))


@pytest.mark.django_db
def test_a_reconnect_keeps_the_id_moves_the_version_and_replaces_the_tokens(
    connection: Connection, cast: Cast, connect_flow: ConnectFlow
) -> None:
    before = access_token(connection), refresh_token(connection)
    flow = connect_flow.begin(cast.actor("member"), connection=connection, scopes=["profile"])
    attempt = connect_flow.complete(flow, connect_flow.answer(flow), actor=cast.actor("member"))
    assert (attempt.status, attempt.connection_id) == (Status.SUCCEEDED, connection.pk)
    assert tokens_of(connection).version == 2
    assert not set(before) & {access_token(connection), refresh_token(connection)}
    assert Connection.objects.get().scopes_granted == ["profile"]
    assert actions("connection.created", "connection.reconnected") == ["connection.created", "connection.reconnected"]


@pytest.mark.django_db
def test_an_admin_may_reconnect_and_the_owner_stays(
    connection: Connection, cast: Cast, connect_flow: ConnectFlow
) -> None:
    flow = connect_flow.begin(cast.actor("admin"), connection=connection)
    connect_flow.complete(flow, connect_flow.answer(flow), actor=cast.actor("admin"))
    assert Connection.objects.get().owner == cast.member.user


@pytest.mark.django_db
def test_who_lost_the_right_to_manage_meanwhile_reconnects_nothing(
    connection: Connection, cast: Cast, connect_flow: ConnectFlow, server: AuthServer
) -> None:
    admin = cast.actor("admin")
    flow = connect_flow.begin(admin, connection=connection)
    cast.admin.role = Role.MEMBER
    cast.admin.save()
    before = access_token(connection)
    with pytest.raises(CallbackRejected, match="no longer manage"):
        connect_flow.complete(flow, connect_flow.answer(flow), actor=admin)
    assert access_token(connection) == before
    assert server.arrivals == ["authorization_code"], "only that of the connection itself"


@pytest.mark.django_db
def test_an_unknown_account_changes_nothing(
    connection: Connection, cast: Cast, connect_flow: ConnectFlow, server: AuthServer
) -> None:
    before = access_token(connection)
    flow = connect_flow.begin(cast.actor("member"), connection=connection)
    server.account_down = True
    with pytest.raises(ExchangeFailed, match="did not report the account"):
        connect_flow.complete(flow, connect_flow.answer(flow), actor=cast.actor("member"))
    assert access_token(connection) == before
    assert AuthorizationAttempt.objects.get(pk=flow.attempt.pk).status == Status.FAILED
    assert actions("authorization.failed") == ["authorization.failed"]


@pytest.mark.django_db
def test_another_account_is_asked_about_and_the_old_tokens_stay(
    connection: Connection, undecided: AuthorizationAttempt
) -> None:
    assert undecided.status == Status.UNDECIDED
    assert undecided.pending_account == {"subject": "grace", "label": "grace@sandbox.example", "known": True}
    row = tokens_of(connection)
    assert row.version == 1
    assert Connection.objects.get().account_subject == "ada"
    assert Connection.objects.count() == 1


@pytest.mark.django_db
def test_the_pending_tokens_are_ciphertext(undecided: AuthorizationAttempt, server: AuthServer) -> None:
    token = server.grants.families[-1].access_tokens[-1]
    row = AuthorizationAttempt.objects.get(pk=undecided.pk)
    stored = AuthorizationAttempt.objects.values().get(pk=undecided.pk)
    assert row.pending_tokens is not None
    assert token in row.pending_tokens.reveal()
    assert token.encode() not in stored["pending_tokens"].to_bytes()
    assert token not in repr(stored)


@pytest.mark.django_db
def test_replace_gives_the_connection_the_new_account(
    connection: Connection, undecided: AuthorizationAttempt, cast: Cast, server: AuthServer
) -> None:
    decided = resolve_account_mismatch(actor=cast.actor("member"), attempt=undecided, decision="replace")
    assert (decided.status, decided.connection_id) == (Status.SUCCEEDED, connection.pk)
    replaced = Connection.objects.get()
    assert (replaced.account_subject, replaced.name) == ("grace", "grace@sandbox.example")
    assert server.knows(access_token(connection))
    assert server.grants.families[-1].refresh_token == refresh_token(connection)
    assert AuthorizationAttempt.objects.get(pk=undecided.pk).pending_tokens is None


@pytest.mark.django_db
def test_new_makes_another_connection_and_leaves_the_first(
    connection: Connection, undecided: AuthorizationAttempt, cast: Cast
) -> None:
    before = access_token(connection)
    decided = resolve_account_mismatch(actor=cast.actor("member"), attempt=undecided, decision="new")
    assert decided.connection_id != connection.pk
    assert access_token(connection) == before
    assert set(Connection.objects.values_list("account_subject", flat=True)) == {"ada", "grace"}


@pytest.mark.django_db
def test_discard_forgets_and_revokes_the_new_grant_only(
    connection: Connection, undecided: AuthorizationAttempt, cast: Cast, server: AuthServer
) -> None:
    decided = resolve_account_mismatch(actor=cast.actor("member"), attempt=undecided, decision="discard")
    assert decided.status == Status.CANCELED
    assert AuthorizationAttempt.objects.get(pk=undecided.pk).pending_tokens is None
    assert [family.revoked for family in server.grants.families] == [False, True]
    assert "authorization.discarded" in actions()


@pytest.mark.django_db
def test_discard_does_not_revoke_an_account_that_another_connection_lives_on(
    connect_flow: ConnectFlow, undecided: AuthorizationAttempt, cast: Cast, server: AuthServer
) -> None:
    living = connect_flow.connect(cast.actor("admin"), subject="grace")
    resolve_account_mismatch(actor=cast.actor("member"), attempt=undecided, decision="discard")
    assert server.journal.revoked == []
    assert server.knows(access_token(living))


@pytest.mark.django_db
def test_a_discard_ends_well_although_the_service_is_not_reachable_any_more(
    undecided: AuthorizationAttempt, cast: Cast, server: AuthServer
) -> None:
    from tests.fixtures.connections import oauth_app

    app = oauth_app()
    app.params = {"origin": "http://10.0.0.1"}
    app.save()
    assert (
        resolve_account_mismatch(actor=cast.actor("member"), attempt=undecided, decision="discard").status
        == Status.CANCELED
    )


@pytest.mark.django_db
def test_a_decision_is_taken_once_and_only_by_who_asked_and_in_time(
    undecided: AuthorizationAttempt, cast: Cast, connection: Connection
) -> None:
    for who in ("admin", "stranger"):
        with pytest.raises(AttemptSettled):
            resolve_account_mismatch(actor=cast.actor(who), attempt=undecided, decision="replace")
        with pytest.raises(NotFound):
            attempt_of(cast.actor(who), undecided.pk)
    resolve_account_mismatch(actor=cast.actor("member"), attempt=undecided, decision="new")
    with pytest.raises(AttemptSettled):
        resolve_account_mismatch(actor=cast.actor("member"), attempt=undecided, decision="replace")
    assert Connection.objects.count() == 2


@pytest.mark.django_db
def test_a_decision_after_ten_minutes_comes_too_late(
    undecided: AuthorizationAttempt, cast: Cast, connection: Connection, server: AuthServer
) -> None:
    AuthorizationAttempt.objects.filter(pk=undecided.pk).update(expires_at=Now() - timedelta(seconds=1))
    with pytest.raises(AttemptSettled):
        resolve_account_mismatch(actor=cast.actor("member"), attempt=undecided, decision="replace")
    assert expire_attempts() == 1
    assert AuthorizationAttempt.objects.get(pk=undecided.pk).pending_tokens is None
    assert [family.revoked for family in server.grants.families] == [False, True], "no one uses the other account's"
    assert Connection.objects.get().account_subject == "ada"


@pytest.mark.django_db(transaction=True)
def test_of_two_decisions_at_once_one_counts(undecided: AuthorizationAttempt, cast: Cast) -> None:
    member = cast.actor("member")
    results = side_by_side(
        lambda: resolve_account_mismatch(actor=member, attempt=undecided, decision="new"),
        lambda: resolve_account_mismatch(actor=member, attempt=undecided, decision="new"),
    )
    assert sorted(type(result.error).__name__ for result in results) == ["AttemptSettled", "NoneType"]
    assert Connection.objects.count() == 2


@pytest.mark.django_db
def test_who_lost_the_right_to_manage_cannot_replace_the_account(
    connection: Connection, cast: Cast, connect_flow: ConnectFlow
) -> None:
    admin = cast.actor("admin")
    flow = connect_flow.begin(admin, connection=connection)
    attempt = connect_flow.complete(flow, connect_flow.answer(flow, subject="grace"), actor=admin)
    cast.admin.role = Role.MEMBER
    cast.admin.save()
    with pytest.raises(NotAllowed):
        resolve_account_mismatch(actor=cast.actor("admin"), attempt=attempt, decision="replace")
    assert Connection.objects.get().account_subject == "ada"
    resolve_account_mismatch(actor=cast.actor("admin"), attempt=attempt, decision="new")


@pytest.mark.django_db
def test_a_replacement_of_a_connection_that_is_being_disconnected_is_refused(
    undecided: AuthorizationAttempt, cast: Cast
) -> None:
    Connection.objects.update(status="disconnecting")
    with pytest.raises(AttemptSettled):
        resolve_account_mismatch(actor=cast.actor("member"), attempt=undecided, decision="replace")
    assert tokens_of(Connection.objects.get()).version == 1


@pytest.mark.django_db
def test_the_refresh_token_of_the_account_before_never_serves_the_new_one(
    connection: Connection, cast: Cast, connect_flow: ConnectFlow, server: AuthServer
) -> None:
    server.script(altered(refresh_token=None))
    flow = connect_flow.begin(cast.actor("member"), connection=connection)
    attempt = connect_flow.complete(flow, connect_flow.answer(flow, subject="grace"), actor=cast.actor("member"))
    resolve_account_mismatch(actor=cast.actor("member"), attempt=attempt, decision="replace")
    row = tokens_of(connection)
    assert row.refresh_token is None
    assert row.next_refresh_at == row.expires_at


@pytest.mark.django_db
def test_a_reconnect_of_the_same_account_without_a_new_refresh_token_keeps_the_old_one(
    connection: Connection, cast: Cast, connect_flow: ConnectFlow, server: AuthServer
) -> None:
    kept = refresh_token(connection)
    server.script(altered(refresh_token=None))
    flow = connect_flow.begin(cast.actor("member"), connection=connection)
    connect_flow.complete(flow, connect_flow.answer(flow), actor=cast.actor("member"))
    assert refresh_token(connection) == kept


@pytest.mark.django_db
def test_a_red_connection_does_not_keep_the_refresh_token_of_the_grant_that_ended(
    connection: Connection, cast: Cast, connect_flow: ConnectFlow, server: AuthServer
) -> None:
    Connection.objects.update(status="needs_attention", status_reason="reauthorization_required")
    server.script(altered(refresh_token=None))
    flow = connect_flow.begin(cast.actor("member"), connection=connection)
    connect_flow.complete(flow, connect_flow.answer(flow), actor=cast.actor("member"))
    assert tokens_of(connection).refresh_token is None
    assert Connection.objects.get().status == "active"


@pytest.mark.django_db
def test_a_canceled_question_discards_the_tokens(undecided: AuthorizationAttempt, cast: Cast) -> None:
    cancel(actor=cast.actor("member"), attempt=undecided)
    row = AuthorizationAttempt.objects.get(pk=undecided.pk)
    assert (row.status, row.pending_tokens) == (Status.CANCELED, None)


@pytest.mark.django_db
def test_the_question_ends_with_the_connection(
    connection: Connection, undecided: AuthorizationAttempt, cast: Cast
) -> None:
    disconnect(actor=cast.actor("member"), connection=connection)
    with pytest.raises(AttemptSettled):
        resolve_account_mismatch(actor=cast.actor("member"), attempt=undecided, decision="new")
    assert not TokenSet.objects.exists()
