"""The tokens of a refresh, stored in one statement of PostgreSQL: the same rows and records as by the transaction."""

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.audit.origin import Origin
from apps.connections.models import Connection, FirstRefresh, TokenSet
from apps.connections.services import commit_statement, refresh_outcome, status
from apps.connections.services.connection_params import provider_of
from apps.connections.services.refresh import load
from apps.connections.services.token_values import SETTLED, token_columns
from apps.integrations.models import Integration, OAuthApp
from apps.notifications.models import Delivery, Event, Webhook
from apps.oauth.token_response import SecondaryToken, TokenResponse
from apps.sql import Now
from apps.teams.models import Team
from tests.connections.rows import make_connection
from tests.database import rolled_back
from tests.fixtures.connections import SYSTEM, Cast, Meanwhile, wait_until_somebody_is_blocked

pytestmark = pytest.mark.django_db
SCOPES = ["messages:read", "profile"]
WORKFLOW = Origin("service", "key-1", "Nightly", "203.0.113.7", "agent/1.0", "wf-1", "Invoices", "run-9")
# How the columns of a refresh may be before it. Every column of SETTLED has a value that it does not have afterwards.
UNSETTLED: dict[str, Any] = {
    "lease_token": "5e0e7c44-4b1c-4a51-8a5c-8f9d7a2b0a11",
    "lease_until": Now() + timedelta(seconds=30),
    "dispatched_until": Now() + timedelta(seconds=30),
    "sent_at": Now(),
    "sent_token_fp": "0" * 64,
    "sent_by": "another-host",
    "unresolved_sends": 2,
    "failure_count": 3,
    "last_failure": "unknown",
    "last_failure_at": Now(),
    "not_before": Now() + timedelta(seconds=30),
    "refusal_count": 1,
    "refused_since": Now(),
}


@dataclass(frozen=True)
class Case:
    """Columns of rows before the refresh is loaded (`before`) and after that (`meanwhile`), and what it brings."""

    before: dict[str, Any] = field(default_factory=dict)
    meanwhile: dict[str, Any] = field(default_factory=dict)
    response: dict[str, Any] = field(default_factory=dict)
    granted: tuple[str, ...] = tuple(SCOPES)
    lost: tuple[str, ...] = ()
    origin: Origin = SYSTEM


# Nothing but the tokens changes.
STORED_AT_ONCE = {
    "usual": Case(),
    "unsettled": Case(before={"token_set": UNSETTLED}),
    "unsettled meanwhile": Case(meanwhile={"token_set": UNSETTLED}),
    "rotated": Case(response={"refresh_token": "r" * 30}),
    "no expiry": Case(response={"expires_in": None}),
    "kept values": Case(response={"kept": {"instance": "eu1"}, "secondary": {"bot": SecondaryToken("b" * 20)}}),
    "token type": Case(response={"token_type": "Token" * 10}),
    "for a workflow": Case(origin=WORKFLOW),
    "long names": Case(
        before={"connection": {"name": "ö" * 200}}, origin=Origin("user", "7", "ä" * 300, None, "x" * 400, "w" * 250)
    ),
    "OAuth app removed meanwhile": Case(meanwhile={"connection": {"oauth_app": None}}),
    "renamed meanwhile": Case(meanwhile={"connection": {"name": "Another name"}}),
}
# More changes with them, or nothing may be written.
LEFT_TO_TRANSACTION = {
    "other version": Case(meanwhile={"token_set": {"version": 9}}),
    "disconnecting": Case(meanwhile={"connection": {"status": "disconnecting"}}),
    "needs attention": Case(before={"connection": {"status": "needs_attention", "status_reason": "token_expired"}}),
    "needs attention since": Case(
        meanwhile={"connection": {"status": "needs_attention", "status_reason": "service_unavailable"}}
    ),
    "oauth app changed": Case(
        before={"connection": {"status": "needs_attention", "status_reason": "oauth_app_changed"}}
    ),
    "fewer scopes": Case(granted=("profile",), lost=("messages:read",)),
    "other scopes": Case(granted=("messages:read", "messages:write", "profile")),
    "other order": Case(granted=("profile", "messages:read")),
    "scopes changed meanwhile": Case(meanwhile={"connection": {"scopes_granted": ["profile"]}}),
    "circuit counts": Case(before={"oauth_app": {"circuit_failures": 2}}),
    "circuit open": Case(before={"oauth_app": {"circuit_failures": 5, "circuit_open_until": Now()}}),
    "app broken": Case(before={"oauth_app": {"broken_since": Now(), "broken_code": "invalid_client"}}),
    "no data key": Case(before={"token_set": {"data_key": None, "access_token": None, "refresh_token": None}}),
}


@pytest.fixture
def connection(cast: Cast) -> Connection:
    integration = Integration.objects.create(slug="sandbox", name="Sandbox", category="developer-tools")
    OAuthApp.objects.create(integration=integration, client_id="client", params={"origin": "http://127.0.0.1:1"})
    Webhook.objects.create(team=cast.team, url="https://x.example/", events=list(Event), created_at=Now())
    return make_connection(integration, cast.member, scopes_granted=SCOPES, scopes_requested=SCOPES)


class Commits:
    """Commits in one way or the other, which can be compared: everything is rolled back."""

    def __init__(self, connection: Connection, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
        self._connection, self._monkeypatch, self._log = connection, monkeypatch, caplog
        # Made once, since each encryption gives another ciphertext.
        self._values: dict[str, Any] = {}
        # Whether the statement stored the last ones.
        self.stored = False
        monkeypatch.setattr(refresh_outcome, "commit_in_one_statement", self._spied)

    def commit(self, case: Case, *, in_one_statement: bool) -> dict[str, Any]:
        self._monkeypatch.setattr(commit_statement._statement, "is_available", lambda: in_one_statement)
        self._log.clear()
        self.stored = False
        with rolled_back(), self._log.at_level(logging.INFO):
            self._write(case.before)
            row = load(self._connection.pk)
            self._values = self._values or _columns(row, case)
            self._write(case.meanwhile)
            events = AuditEvent.objects.count()
            result = refresh_outcome.commit_tokens(
                row, self._values, granted=list(case.granted), lost=list(case.lost), origin=case.origin
            )
            return {"result": result, **self._rows(), "events": _events(events)}

    def _spied(self, *args: Any, **kwargs: Any) -> bool:
        self.stored = commit_statement.commit_in_one_statement(*args, **kwargs)
        return self.stored

    def _write(self, columns: dict[str, Any]) -> None:
        pk = self._connection.pk
        rows = {
            "connection": Connection.objects.filter(pk=pk),
            "token_set": TokenSet.objects.filter(connection=pk),
            "oauth_app": OAuthApp.objects.all(),
        }
        for name, values in columns.items():
            rows[name].update(**values)

    def _rows(self) -> dict[str, Any]:
        rows = {
            model.__name__: list(model.objects.values()) for model in (TokenSet, Connection, OAuthApp, FirstRefresh)
        }
        for row in rows["Connection"]:
            row["status_changed_at"] = row["status_changed_at"] == self._connection.status_changed_at
        deliveries = [(row.event, row.webhook_id) for row in Delivery.objects.order_by("created_at")]
        return rows | {"deliveries": deliveries}


def _columns(row: TokenSet, case: Case) -> dict[str, Any]:
    response = TokenResponse(**{"access_token": "a" * 20, "expires_in": 3600} | case.response)
    return token_columns(row, response, provider=provider_of(row.connection), sent_at=row.db_now)


def _events(before: int) -> list[dict[str, Any]]:
    rows = list(AuditEvent.objects.order_by("id").values())[before:]
    return [{name: value for name, value in row.items() if name not in ("id", "occurred_at")} for row in rows]


@pytest.fixture
def commits(connection: Connection, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> Commits:
    if database.vendor != "postgresql":
        pytest.skip("SQLite keeps the transaction.")
    return Commits(connection, monkeypatch, caplog)


@pytest.mark.parametrize("name", STORED_AT_ONCE)
def test_what_changes_only_the_tokens_is_stored_as_by_the_transaction(commits: Commits, name: str) -> None:
    case = STORED_AT_ONCE[name]
    ordinary = commits.commit(case, in_one_statement=False)
    assert ordinary["result"] is True
    assert not commits.stored
    assert commits.commit(case, in_one_statement=True) == ordinary
    assert commits.stored
    assert [event["action"] for event in ordinary["events"]] == ["connection.refreshed"]


@pytest.mark.parametrize("name", LEFT_TO_TRANSACTION)
def test_anything_else_is_left_to_the_transaction(commits: Commits, name: str) -> None:
    case = LEFT_TO_TRANSACTION[name]
    ordinary = commits.commit(case, in_one_statement=False)
    assert commits.commit(case, in_one_statement=True) == ordinary
    assert not commits.stored


def test_a_custom_api_is_left_to_the_transaction_which_records_its_first_refresh(
    commits: Commits, connection: Connection
) -> None:
    team = Team.objects.get(pk=connection.team_id)
    FirstRefresh.objects.create(connection=connection, outcome=FirstRefresh.Outcome.DUE, at=timezone.now())
    row = load(connection.pk)
    values = _columns(row, Case())
    row.connection.integration.team = team
    commits._monkeypatch.setattr(commit_statement._statement, "is_available", lambda: True)
    assert not commit_statement.commit_in_one_statement(row, values, granted=SCOPES, origin=SYSTEM)
    assert refresh_outcome.commit_tokens(row, values, granted=SCOPES, lost=[], origin=SYSTEM)
    assert FirstRefresh.objects.get().outcome == FirstRefresh.Outcome.WORKED


def test_each_column_of_a_settled_token_set_is_looked_at() -> None:
    assert UNSETTLED.keys() == SETTLED.keys()


def test_its_event_is_in_the_log_as_any_other(commits: Commits) -> None:
    commits.commit(Case(), in_one_statement=True)
    lines = [line for line in commits._log.messages if line.startswith("audit action=connection.refreshed")]
    assert lines == [f"audit action=connection.refreshed outcome=success target=connection/{commits._connection.pk}"]


@pytest.mark.django_db(transaction=True)
def test_while_it_waits_for_the_connection_it_has_not_locked_the_token_set(commits: Commits) -> None:
    """Transactions lock a connection first; locking its token set first, two would wait for each other."""
    row = load(commits._connection.pk)
    values = _columns(row, Case())
    with transaction.atomic():
        status.lock(row.connection_id)
        commit = Meanwhile(lambda: refresh_outcome.commit_tokens(row, values, granted=SCOPES, lost=[], origin=SYSTEM))
        wait_until_somebody_is_blocked()
        assert TokenSet.objects.select_for_update(nowait=True).get().version == 1
    assert commit.result().value is True
    assert TokenSet.objects.get().version == 2
