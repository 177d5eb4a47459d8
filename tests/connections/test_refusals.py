"""Refusals of a refresh: whose they are, how long they are retried, and what the person reads."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from apps.connections.errors import ReauthorizationRequired, ServiceUnavailable
from apps.connections.messages import status_message
from apps.connections.models import Connection, TokenSet
from apps.connections.policy import refresh_policy
from apps.connections.services import connection_params, refresh, schedule
from apps.connections.services.refresh import load, refresh_now
from apps.connections.services.tokens import issue_token
from apps.oauth.conditions import ErrorRule
from apps.sql import Now
from tests.authserver import AuthServer, answers, refuses
from tests.authserver.faults import Behavior
from tests.fixtures.connections import Cast, ConnectFlow, access_token, actions, expire, make_due, oauth_app, tokens_of

INVALID_REQUEST = {"error": "invalid_request", "error_description": "Value passed for the token was invalid."}


def refusal(document: object, *, status: int = 400) -> Behavior:
    return answers(status, json.dumps(document).encode())


def refresh_once(connection: Connection) -> None:
    """One run of the scheduler for this connection, whose refresh is due."""
    schedule.refresh_batch([(load(connection.pk).pk, load(connection.pk).version)])


def refused_since(connection: Connection, *, seconds: float) -> None:
    TokenSet.objects.filter(connection=connection).update(refused_since=Now() - timedelta(seconds=seconds))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"error": "unauthorized_client", "error_description": "refresh_token is invalid"}, 403),
        ({"error": "invalid_client", "error_description": "The user has revoked access."}, 401),
        ({"error": "unauthorized_client", "error_description": "Consent was withdrawn"}, 400),
    ],
)
def test_a_client_refusal_that_names_the_grant_leaves_the_oauth_app_alone(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer, document: dict[str, str], status: int
) -> None:
    one, other = connect_flow.connect(cast.actor("member")), connect_flow.connect(cast.actor("admin"))
    server.script(*[refusal(document, status=status)] * 2)
    refresh_once(one)
    refresh_once(one)
    assert Connection.objects.get(pk=one.pk).status_reason == "reauthorization_required"
    assert oauth_app().broken_since is None
    refresh_once(other)
    assert tokens_of(other).version == 2


@pytest.mark.django_db
def test_one_refused_client_is_that_connections_if_a_made_up_code_is_answered_otherwise(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer
) -> None:
    one, other = connect_flow.connect(cast.actor("member")), connect_flow.connect(cast.actor("admin"))
    server.script(refuses("invalid_client", status=401))
    refresh_once(one)
    assert tokens_of(one).last_failure == "client_refused"
    assert (oauth_app().broken_since, actions("oauth_app.broken")) == (None, [])
    refresh_once(other)
    assert tokens_of(other).version == 2


@pytest.mark.django_db
def test_a_second_grant_with_the_same_refusal_breaks_the_oauth_app(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer
) -> None:
    one, other = connect_flow.connect(cast.actor("member")), connect_flow.connect(cast.actor("admin"))
    server.script(refuses("unauthorized_client"), refuses("invalid_grant"), refuses("unauthorized_client"))
    refresh_once(one)
    assert oauth_app().broken_since is None
    refresh_once(other)
    assert oauth_app().broken_since is not None


@pytest.mark.django_db
def test_a_second_refusal_of_the_same_grant_does_not_break_the_oauth_app(
    connection: Connection, server: AuthServer
) -> None:
    for _ in range(3):
        server.script(refuses("unauthorized_client"), refuses("invalid_grant"))
        refresh_once(connection)
    assert tokens_of(connection).refusal_count == 3
    assert oauth_app().broken_since is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    "behavior",
    [
        refusal(INVALID_REQUEST),
        refusal({"status": "BAD_REFRESH_TOKEN", "message": "Value passed for the token was invalid."}),
        refusal({"error": {"message": "Value passed for the token was invalid.", "code": 190}}),
    ],
)
def test_a_refusal_that_is_not_understood_ends_the_grant_once_the_token_has_ended(
    connection: Connection, server: AuthServer, behavior: Behavior
) -> None:
    expire(connection)
    for _ in range(2):
        server.script(behavior)
        refresh_once(connection)
    waiting = Connection.objects.get()
    assert waiting.status_reason == "service_unavailable"
    refused_since(connection, seconds=121)
    server.script(behavior)
    refresh_once(connection)
    ended = Connection.objects.get()
    assert (ended.status_reason, tokens_of(connection).next_refresh_at) == ("reauthorization_required", None)
    assert "“Value passed for the token was invalid.”" in status_message(ended)


@pytest.mark.django_db
@pytest.mark.parametrize("body", [b"", b"<html>Bad request</html>"])
def test_a_refusal_without_an_oauth_error_ends_the_grant_too(
    connection: Connection, server: AuthServer, body: bytes
) -> None:
    expire(connection)
    server.script(*[answers(400, body)] * 3)
    refresh_once(connection)
    refused_since(connection, seconds=121)
    refresh_once(connection)
    refresh_once(connection)
    assert Connection.objects.get().status_reason == "reauthorization_required"


@pytest.mark.django_db
def test_refusals_within_two_minutes_or_while_the_token_lives_are_retried(
    connection: Connection, server: AuthServer
) -> None:
    server.script(*[refusal(INVALID_REQUEST)] * 8)
    for _ in range(4):
        refresh_once(connection)
    refused_since(connection, seconds=600)
    refresh_once(connection)
    assert Connection.objects.get().status == "active"
    refused_since(connection, seconds=60)
    expire(connection)
    refresh_once(connection)
    assert Connection.objects.get().status_reason == "service_unavailable"
    assert tokens_of(connection).next_refresh_at is not None


@pytest.mark.django_db
def test_a_success_ends_the_row_of_refusals(connection: Connection, server: AuthServer) -> None:
    server.script(*[refusal(INVALID_REQUEST)] * 2)
    refresh_once(connection)
    refresh_once(connection)
    refresh_once(connection)
    row = tokens_of(connection)
    assert (row.version, row.refusal_count, row.refused_since) == (2, 0, None)


@pytest.mark.django_db
def test_the_services_words_hold_no_secret_and_are_bounded(connection: Connection, server: AuthServer) -> None:
    from tests.fixtures.connections import refresh_token

    expire(connection)
    secret = refresh_token(connection)
    server.script(*[refusal({"error": "nope", "error_description": f"Bad\n{secret} " + "word " * 100})] * 3)
    refresh_once(connection)
    refused_since(connection, seconds=121)
    refresh_once(connection)
    refresh_once(connection)
    said = Connection.objects.get().service_message
    assert said.startswith("Bad … word word")
    assert len(said) <= 200


@pytest.mark.django_db
@pytest.mark.parametrize("code", ["interaction_required", "consent_required", "login_required"])
def test_a_service_that_requires_the_person_gets_them_at_once(
    connection: Connection, server: AuthServer, code: str
) -> None:
    server.script(refuses(code))
    refresh_once(connection)
    assert Connection.objects.get().status_reason == "reauthorization_required"


@pytest.mark.django_db
@pytest.mark.parametrize("behavior", [answers(429), answers(425), refuses("slow_down"), refuses("too_early")])
def test_a_service_that_asks_to_slow_down_counts_against_nothing(
    connection: Connection, server: AuthServer, behavior: Behavior
) -> None:
    server.script(behavior)
    refresh_once(connection)
    row, app = tokens_of(connection), oauth_app()
    assert (row.last_failure, row.refusal_count, row.unresolved_sends) == ("slow_down", 0, 0)
    assert (app.circuit_failures, app.broken_since) == (0, None)
    assert row.next_refresh_at is not None


@pytest.mark.django_db
def test_during_a_long_retry_after_the_status_changes_at_the_end_of_the_token(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    expire(connection, ago=-600)
    server.script(answers(429, Retry_After="3000"))
    refresh_once(connection)
    row = tokens_of(connection)
    assert Connection.objects.get().status == "active"
    assert row.next_refresh_at == row.expires_at, "it is checked when the token ends"
    expire(connection, ago=1)
    make_due(connection)
    [due] = schedule.claim_due()
    schedule.refresh_batch([due])
    assert Connection.objects.get().status_reason == "service_unavailable"
    assert server.arrivals.count("refresh_token") == 1, "Retry-After is honored"
    row = tokens_of(connection)
    assert row.next_refresh_at == row.not_before
    with pytest.raises(ServiceUnavailable) as refused:
        issue_token(connection=connection, actor=cast.actor("member"))
    assert 2900 < (refused.value.retry_after or 0) <= 3000


@pytest.mark.django_db
def test_a_second_try_after_a_refused_grant_does_not_leave_an_ended_connection_active(
    connection: Connection, server: AuthServer
) -> None:
    expire(connection, ago=-20)
    server.script(refuses("invalid_grant"))
    refresh_once(connection)
    row = tokens_of(connection)
    assert row.next_refresh_at == row.expires_at
    expire(connection, ago=1)
    refresh_once(connection)
    assert Connection.objects.get().status_reason == "service_unavailable"
    assert server.arrivals.count("refresh_token") == 1, "the second try comes after a minute"


@pytest.mark.django_db
def test_refresh_now_returns_a_token_that_was_just_issued(
    connection: Connection, cast: Cast, server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "JUST_ISSUED", refresh_policy.JUST_ISSUED)
    TokenSet.objects.update(obtained_at=Now() - timedelta(minutes=1))
    refresh_now(connection=connection, actor=cast.actor("member"))
    refresh_now(connection=connection, actor=cast.actor("member"))
    assert tokens_of(connection).version == 2
    assert server.arrivals.count("refresh_token") == 1


@pytest.fixture
def not_before_570(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider refuses to refresh a token of 600 s before it is 570 s old."""
    original = connection_params.provider_config

    def with_earliest(*args: Any, **named: Any) -> Any:
        return replace(original(*args, **named), earliest_refresh=570)

    monkeypatch.setattr(connection_params, "provider_config", with_earliest)


@pytest.mark.django_db
@pytest.mark.usefixtures("not_before_570")
def test_a_reader_gets_a_valid_token_that_is_too_young_to_be_refreshed(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    expire(connection, ago=-55, life=600)
    before = tokens_of(connection).next_refresh_at
    token = issue_token(connection=connection, actor=cast.actor("member"), min_ttl=300)
    assert token.access_token == access_token(connection)
    assert tokens_of(connection).next_refresh_at == before
    assert server.arrivals.count("refresh_token") == 0
    expire(connection, ago=-20, life=600)
    issue_token(connection=connection, actor=cast.actor("member"), min_ttl=300)
    assert server.arrivals.count("refresh_token") == 1


@pytest.mark.django_db
def test_a_dead_grant_of_a_person_raises_with_the_services_words(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    expire(connection)
    server.script(*[refusal({"error": "invalid_grant", "error_description": "Session ended."})] * 2)
    refresh_once(connection)
    refresh_once(connection)
    with pytest.raises(ReauthorizationRequired, match="Session ended"):
        issue_token(connection=connection, actor=cast.actor("member"))


EARLY = {"error": "access_denied", "error_description": "Rate limit exceeded: access_token not expired"}


@pytest.mark.django_db
@pytest.mark.parametrize("rules", [(), (ErrorRule("too_early", description="access_token not expired"),)])
def test_refusals_of_an_early_refresh_cost_no_connection_its_access(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer, monkeypatch: pytest.MonkeyPatch, rules: Any
) -> None:
    """Exact Online: a token of 300 s is not refreshed before its last 30 s, whether the catalog knows that or not."""
    original = connection_params.provider_config
    monkeypatch.setattr(
        connection_params,
        "provider_config",
        lambda *args, **named: replace(original(*args, **named), error_rules=rules),
    )
    made = [connect_flow.connect(cast.actor("member"), subject=f"person-{number}") for number in range(6)]
    for connection in made:
        expire(connection, ago=-100, life=300)
        make_due(connection)
    server.script(*[refusal(EARLY)] * 6)
    for connection in made:
        refresh_once(connection)
    rows = [tokens_of(connection) for connection in made]
    assert [row.version for row in rows] == [1] * 6
    assert all(row.next_refresh_at and row.expires_at and row.next_refresh_at <= row.expires_at for row in rows)
    assert set(Connection.objects.values_list("status", flat=True)) == {"active"}
    assert (oauth_app().circuit_failures, oauth_app().broken_since) == (0, None)
    assert all(row.not_before is None or row.not_before <= row.expires_at for row in rows if row.expires_at)
    passed = timedelta(seconds=101)  # until second 301
    for name in ("obtained_at", "expires_at", "next_refresh_at", "not_before", "last_failure_at", "refused_since"):
        TokenSet.objects.update(**{name: F(name) - passed})
    for connection in made:
        assert issue_token(connection=connection, actor=cast.actor("member")).access_token
    assert [tokens_of(connection).version for connection in made] == [2] * 6
