"""What each answer of a token endpoint does to the connection, the OAuth app and the next try."""

import json
from datetime import timedelta

import pytest

from apps.audit.models import AuditEvent
from apps.connections.errors import ReauthorizationRequired
from apps.connections.models import Connection, TokenSet
from apps.connections.services import connection_params, refresh, schedule
from apps.connections.services.refresh import load, refresh_now
from apps.connections.services.tokens import issue_token
from apps.integrations.errors import IntegrationMisconfigured
from apps.integrations.oauth_apps.services import save_oauth_app
from apps.sql import Now
from tests.authserver import (
    AuthServer,
    Behavior,
    altered,
    answers,
    bomb,
    broken_off,
    huge,
    refuses,
    reset,
    truncated,
)
from tests.authserver.faults import ABSENT
from tests.fixtures.connections import (
    SYSTEM,
    Cast,
    ConnectFlow,
    access_token,
    actions,
    expire,
    make_due,
    oauth_app,
    refresh_token,
    rotate,
    tokens_of,
)

HTTP_DATE = {"Date": "Tue, 24 Nov 2026 12:00:00 GMT", "Retry_After": "Tue, 24 Nov 2026 12:10:00 GMT"}


def attempt_refresh(connection: Connection) -> None:
    schedule.refresh_batch([(load(connection.pk).pk, load(connection.pk).version)])


def waiting(connection: Connection) -> float:
    """Seconds until the next try."""
    row = load(connection.pk)
    assert row.next_refresh_at is not None
    seconds: float = (row.next_refresh_at - row.db_now).total_seconds()
    return seconds


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("behavior", "outcome"),
    [
        (answers(500), "unknown"),
        (answers(502, b"<html>bad gateway</html>", Content_Type="text/html"), "unknown"),
        (answers(503), "busy"),
        (answers(429), "slow_down"),
        (answers(200, b"<html>welcome</html>", Content_Type="text/html"), "malformed"),
        (answers(200, b"token=a&expires_in=3", Content_Type="application/x-www-form-urlencoded"), "malformed"),
        (answers(200, b"[]"), "malformed"),
        (answers(200, b"null"), "malformed"),
        (answers(200, b'{"access_token": 7}'), "malformed"),
        (answers(200, b"{}"), "malformed"),
        (answers(200, b"\xff\xfe"), "malformed"),
        (answers(302, Location="http://169.254.169.254/"), "malformed"),
        (truncated(), "malformed"),
        (broken_off(), "unknown"),
        (huge(), "malformed"),
        (bomb(), "malformed"),
        (altered(access_token=ABSENT), "malformed"),
        (altered(access_token="a\nb"), "malformed"),
        (answers(200, b'{"error": "invalid_grant"}'), "grant_refused"),
        (answers(200, b'{"error": "temporarily_unavailable"}'), "busy"),
        (refuses("invalid_grant"), "grant_refused"),
        (refuses("invalid_client", status=401), "client_refused"),
        (refuses("unauthorized_client"), "client_refused"),
        (refuses("invalid_request"), "request_refused"),
        (refuses("invalid_scope"), "request_refused"),
        (reset(before_reading=True), "unknown"),
        (reset(), "unknown"),
    ],
)
def test_a_failure_is_classified_and_recorded_and_a_valid_token_and_its_status_stay(
    connection: Connection, cast: Cast, server: AuthServer, behavior: Behavior, outcome: str
) -> None:
    secrets = access_token(connection), refresh_token(connection)
    server.script(behavior)
    attempt_refresh(connection)
    row = tokens_of(connection)
    assert row.last_failure == outcome
    assert (row.version, row.failure_count, row.lease_token, row.lease_until) == (1, 1, None, None)
    assert (access_token(connection), refresh_token(connection)) == secrets
    settled = outcome not in ("unknown", "malformed")
    assert (row.sent_at is None, row.unresolved_sends) == (settled, 0 if settled else 1)
    assert Connection.objects.get().status == "active"
    assert AuditEvent.objects.get(action="connection.refresh_failed").detail["kind"] == outcome
    assert issue_token(connection=connection, actor=cast.actor("member")).access_token == secrets[0]
    assert waiting(connection) > 0


@pytest.mark.django_db
def test_a_service_that_does_not_listen_is_tried_again_without_harm(connection: Connection, server: AuthServer) -> None:
    from apps import egress

    app = oauth_app()
    app.params = {"origin": "http://127.0.0.1:9"}
    app.save()
    TokenSet.objects.update(client_key=app.client_key)
    egress.configure(allowed_hosts=["127.0.0.1:9"])
    attempt_refresh(connection)
    row = tokens_of(connection)
    assert (row.last_failure, row.sent_at, row.unresolved_sends) == ("not_sent", None, 0)
    assert 0 < waiting(connection) < 10


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"Retry_After": "120"}, 115, 125),
        (HTTP_DATE, 595, 605),
        ({"Retry_After": "999999"}, 3500, 3605),
        ({"Retry_After": "-5"}, 0, 10),
        ({"Retry_After": "soon"}, 0, 10),
        ({}, 0, 10),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured_in_both_forms_and_capped(
    connection: Connection, server: AuthServer, status: int, headers: dict[str, str], least: float, most: float
) -> None:
    server.script(answers(status, **headers))
    attempt_refresh(connection)
    assert least < waiting(connection) < most


@pytest.mark.django_db
def test_failures_in_a_row_wait_longer_each_time_up_to_an_hour(connection: Connection, server: AuthServer) -> None:
    waits = []
    for _ in range(12):
        server.script(answers(503))
        attempt_refresh(connection)
        waits.append(waiting(connection))
    assert waits[0] < 6
    assert waits[5] > waits[0] * 4
    assert 1700 < waits[-1] < 3605


@pytest.mark.django_db
def test_an_expired_connection_of_a_service_that_is_down_turns_red_and_heals_by_itself(
    connection: Connection, server: AuthServer
) -> None:
    expire(connection)
    server.script(answers(503))
    attempt_refresh(connection)
    red = Connection.objects.get()
    assert (red.status, red.status_reason) == ("needs_attention", "service_unavailable")
    attempt_refresh(connection)
    assert Connection.objects.get().status == "active"
    assert actions("connection.needs_attention", "connection.recovered") == [
        "connection.needs_attention",
        "connection.recovered",
    ]


@pytest.mark.django_db
def test_a_refused_grant_is_tried_again_after_a_minute_and_keeps_its_refresh_token(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    kept = refresh_token(connection)
    server.script(*[refuses("invalid_grant")] * 2)
    attempt_refresh(connection)
    assert Connection.objects.get().status == "active"
    assert 55 < waiting(connection) <= 61
    attempt_refresh(connection)
    red = Connection.objects.get()
    assert (red.status, red.status_reason) == ("needs_attention", "reauthorization_required")
    row = tokens_of(connection)
    assert (row.next_refresh_at, refresh_token(connection)) == (None, kept)
    attempt_refresh(connection)
    assert server.arrivals.count("refresh_token") == 2, "a dead grant is left alone"
    expire(connection)
    with pytest.raises(ReauthorizationRequired):
        issue_token(connection=connection, actor=cast.actor("member"))
    assert server.arrivals.count("refresh_token") == 2
    assert actions("connection.needs_attention") == ["connection.needs_attention"]


@pytest.mark.django_db
def test_a_grant_that_is_refused_once_and_then_works_never_was_red(connection: Connection, server: AuthServer) -> None:
    server.script(refuses("invalid_grant"))
    attempt_refresh(connection)
    attempt_refresh(connection)
    row = tokens_of(connection)
    assert (row.version, row.failure_count, row.last_failure) == (2, 0, "")
    assert actions("connection.needs_attention") == []


@pytest.mark.django_db
def test_who_asks_for_a_refresh_hears_at_once_that_the_grant_was_refused(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    server.script(refuses("invalid_grant"))
    with pytest.raises(ReauthorizationRequired):
        refresh_now(connection=connection, actor=cast.actor("member"))


@pytest.mark.django_db
def test_a_reconnect_repairs_a_red_connection_and_keeps_its_id(
    connection: Connection, cast: Cast, connect_flow: ConnectFlow, server: AuthServer
) -> None:
    server.script(*[refuses("invalid_grant")] * 2)
    attempt_refresh(connection)
    attempt_refresh(connection)
    flow = connect_flow.begin(cast.actor("member"), connection=connection)
    attempt = connect_flow.complete(flow, connect_flow.answer(flow), actor=cast.actor("member"))
    assert attempt.connection_id == connection.pk
    assert Connection.objects.get().status == "active"
    assert tokens_of(connection).next_refresh_at is not None
    assert "connection.recovered" in actions()


@pytest.mark.django_db
def test_a_refused_client_is_the_oauth_apps_fault_and_heals_with_its_secret(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer
) -> None:
    first, second = connect_flow.connect(cast.actor("member")), connect_flow.connect(cast.actor("admin"))
    right, server.client_secret = server.client_secret, "rotated-there"
    for connection in (first, second):
        attempt_refresh(connection)
    assert server.arrivals.count("refresh_token") == 1, "a refused OAuth app is not asked again"
    assert actions("oauth_app.broken") == ["oauth_app.broken"]
    assert set(Connection.objects.values_list("status", flat=True)) == {"active"}
    assert issue_token(connection=first, actor=cast.actor("member")).access_token == access_token(first)

    for connection in (first, second):
        expire(connection)
        attempt_refresh(connection)
    assert set(Connection.objects.values_list("status", "status_reason")) == {
        ("needs_attention", "integration_misconfigured")
    }
    with pytest.raises(IntegrationMisconfigured):
        issue_token(connection=first, actor=cast.actor("member"))

    save_oauth_app(
        origin=SYSTEM,
        integration=connect_flow.integration,
        client_id=server.client_id,
        client_secret="rotated-there",
        params={"origin": server.url},
    )
    assert right != "rotated-there"
    due = schedule.claim_due()
    assert len(due) == 2, "both are due at once, not when they would have been looked at again"
    schedule.refresh_batch(due)
    assert set(Connection.objects.values_list("status", "status_reason")) == {("active", "")}
    assert actions("connection.recovered") == ["connection.recovered"] * 2
    server.journal.check()


@pytest.mark.django_db
def test_an_oauth_app_that_lost_its_address_turns_ended_connections_red_and_back(
    connection: Connection, server: AuthServer
) -> None:
    app = oauth_app()
    origin, app.params = app.params, {}
    app.save()
    attempt_refresh(connection)
    assert Connection.objects.get().status == "active"
    expire(connection)
    attempt_refresh(connection)
    assert Connection.objects.get().status_reason == "integration_misconfigured"
    app.params = origin
    app.save()
    attempt_refresh(connection)
    assert Connection.objects.get().status == "active"


@pytest.mark.django_db
def test_a_token_that_cannot_be_refreshed_turns_red_at_its_end(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer
) -> None:
    server.script(altered(refresh_token=None))
    connection = connect_flow.connect(cast.actor("member"))
    row = tokens_of(connection)
    assert row.next_refresh_at == row.expires_at
    assert issue_token(connection=connection, actor=cast.actor("member")).access_token
    expire(connection)
    attempt_refresh(connection)
    assert Connection.objects.get().status_reason == "token_expired"
    assert tokens_of(connection).next_refresh_at is None
    with pytest.raises(ReauthorizationRequired):
        issue_token(connection=connection, actor=cast.actor("member"))


@pytest.mark.django_db
def test_an_unknown_outcome_under_strict_rotation_is_tried_once_at_the_tokens_end(
    connection: Connection, server: AuthServer
) -> None:
    server.script(reset())  # the server used up the refresh token; its answer is lost
    attempt_refresh(connection)
    row = tokens_of(connection)
    assert row.expires_at is not None
    assert row.next_refresh_at == row.expires_at - timedelta(seconds=5)
    attempt_refresh(connection)
    assert server.arrivals.count("refresh_token") == 1, "the token that lives is used up first"
    expire(connection)
    attempt_refresh(connection)
    assert Connection.objects.get().status_reason == "outcome_unknown"
    attempt_refresh(connection)
    assert server.arrivals.count("refresh_token") == 2


@pytest.mark.django_db
@pytest.mark.parametrize("rotation", ["none", "grace"])
def test_an_unknown_outcome_without_strict_rotation_is_tried_again_at_once(
    connection: Connection, server: AuthServer, monkeypatch: pytest.MonkeyPatch, rotation: str
) -> None:
    rotate(monkeypatch, server, rotation)
    server.script(reset())
    attempt_refresh(connection)
    assert waiting(connection) <= 0
    attempt_refresh(connection)
    assert tokens_of(connection).version == 2
    assert server.knows(access_token(connection))
    assert not server.grants.families[0].revoked


@pytest.mark.django_db
def test_a_withdrawn_permission_needs_attention_and_says_so(connection: Connection, server: AuthServer) -> None:
    server.grants.families[0].scopes = ["profile"]
    attempt_refresh(connection)
    red = Connection.objects.get()
    assert (red.status_reason, red.scopes_granted) == ("missing_scopes", ["profile"])
    attempt_refresh(connection)
    assert Connection.objects.get().status_reason == "missing_scopes", "sticky: only a person can give it again"


@pytest.mark.django_db
def test_scopes_that_no_answer_repeats_are_not_missed(
    connection: Connection, server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    original = connection_params.provider_config
    monkeypatch.setattr(
        connection_params,
        "provider_config",
        lambda *a, **k: replace(
            original(*a, **k), ignored_scopes=frozenset({"offline_access"}), scope_aliases={"me": "profile"}
        ),
    )
    Connection.objects.update(scopes_granted=["me", "messages:read", "offline_access"])
    attempt_refresh(connection)
    assert tokens_of(connection).version == 2
    assert Connection.objects.get().status == "active"


@pytest.mark.django_db
def test_an_answer_without_scopes_changes_none(connection: Connection, server: AuthServer) -> None:
    before = Connection.objects.get().scopes_granted
    server.script(altered(scope=ABSENT))
    attempt_refresh(connection)
    after = Connection.objects.get()
    assert (after.scopes_granted, after.status) == (before, "active")


@pytest.mark.django_db
def test_scopes_that_are_not_text_do_not_cost_a_rotated_token(connection: Connection, server: AuthServer) -> None:
    server.script(altered(scope="messages:read profile a\u0000b \ud800"))
    attempt_refresh(connection)
    assert tokens_of(connection).version == 2
    assert server.knows(access_token(connection))


@pytest.mark.django_db
def test_no_log_line_and_no_audit_event_of_a_failure_quotes_the_service(
    connection: Connection, server: AuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    echoed = refresh_token(connection)
    server.script(answers(400, json.dumps({"error": echoed, "error_description": echoed}).encode()))
    attempt_refresh(connection)
    server.script(answers(200, echoed.encode(), Content_Type="text/html"))
    make_due(connection)
    attempt_refresh(connection)
    seen = caplog.text + repr(list(AuditEvent.objects.values())) + repr(list(TokenSet.objects.values()))
    assert tokens_of(connection).failure_count == 2
    assert echoed not in seen


@pytest.mark.django_db
def test_a_lease_of_somebody_else_is_respected(connection: Connection, server: AuthServer) -> None:
    TokenSet.objects.update(lease_until=Now() + timedelta(seconds=40))
    attempt_refresh(connection)
    assert refresh.attempt_refresh(load(connection.pk), origin=SYSTEM) is False
    assert server.journal.refreshes == []
