"""What the services count, read as Prometheus would read it."""

import json
import secrets
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings as product
from django.core.management import call_command
from django.db import OperationalError
from django.db import connection as database
from prometheus_client.parser import text_string_to_metric_families

from apps import egress
from apps.audit.origin import Origin
from apps.connections import metrics, tasks
from apps.connections.models import Connection, TokenSet
from apps.connections.policy.refresh_outcomes import Outcome
from apps.connections.policy.refresh_policy import COMMIT_RETRIES
from apps.connections.services import schedule, spool, tokens
from apps.connections.services.heartbeat import last_heartbeat
from apps.connections.services.refresh import load, refresh_now
from apps.egress import destination
from apps.errors import SpecwayError
from apps.integrations.models import Integration
from apps.sql import Now
from apps.teams.actor import Actor
from apps.web.metrics import counted
from tests import factories
from tests.connections.rows import make_connection, make_integration
from tests.servers import HttpServer, http_server

SYSTEM = Actor(team=None, origin=Origin(kind="system", id="", label="Specway"))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Iterator[HttpServer]:
    settings.SPOOL_DIR = str(tmp_path / "spool")
    with http_server() as running:
        monkeypatch.setattr(destination, "_allowed", frozenset())
        egress.configure(allowed_hosts=[f"127.0.0.1:{running.port}"])
        yield running


@pytest.fixture
def connection(server: HttpServer, db: None) -> Connection:
    return make_connection(make_integration(server.url))


class Since:
    """By how much each sample has grown since this was made."""

    def __init__(self) -> None:
        self._before = self._all()

    def __call__(self, name: str, **labels: str) -> float:
        key = (name, frozenset(labels.items()))
        return self._all().get(key, 0) - self._before.get(key, 0)

    @staticmethod
    def _all() -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        families = text_string_to_metric_families(counted(product.METRICS_DIR).decode())
        return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def token_answer() -> bytes:
    body = {"access_token": secrets.token_urlsafe(), "refresh_token": secrets.token_urlsafe(), "token_type": "Bearer"}
    return json.dumps(body | {"expires_in": 3600}).encode()


def refused(connection: Connection) -> None:
    with pytest.raises(SpecwayError):
        refresh_now(connection=connection, actor=SYSTEM)


def test_a_refresh_counts_its_outcome_and_times_its_call(server: HttpServer, connection: Connection) -> None:
    server.will_answer(200, token_answer())
    since = Since()
    refresh_now(connection=connection, actor=SYSTEM)
    assert since("specway_refreshes_total", integration="sandbox", outcome="success") == 1
    assert since("specway_token_call_seconds_count", integration="sandbox", grant="refresh_token") == 1
    assert since("specway_token_call_seconds_sum", integration="sandbox", grant="refresh_token") > 0


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (503, b"", Outcome.BUSY),
        (500, b"", Outcome.UNKNOWN),
        (200, b"<html>", Outcome.MALFORMED),
        (400, b'{"error": "invalid_grant"}', Outcome.GRANT_REFUSED),
        (401, b'{"error": "invalid_client"}', Outcome.CLIENT_REFUSED),
        (400, b'{"error": "invalid_scope"}', Outcome.REQUEST_REFUSED),
    ],
)
def test_each_kind_of_failure_is_an_outcome_of_its_own(
    status: int, body: bytes, outcome: Outcome, server: HttpServer, connection: Connection
) -> None:
    server.will_answer(status, body)
    since = Since()
    refused(connection)
    assert since("specway_refreshes_total", integration="sandbox", outcome=outcome.value) == 1
    assert since("specway_token_call_seconds_count", integration="sandbox", grant="refresh_token") == 1
    assert since("specway_refreshes_total", integration="sandbox", outcome="success") == 0


def test_a_service_that_cannot_be_reached_counts_as_not_sent(db: None, server: HttpServer) -> None:
    connection = make_connection(make_integration("http://127.0.0.1:1"))
    egress.configure(allowed_hosts=["127.0.0.1:1"])
    since = Since()
    refused(connection)
    assert since("specway_refreshes_total", integration="sandbox", outcome="not_sent") == 1


def test_what_was_overtaken_counts_as_fenced(
    server: HttpServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.will_answer(200, token_answer())
    store = spool.store

    def overtaken(arrival: spool.PendingTokens, *, origin: Origin) -> bool | None:
        TokenSet.objects.filter(connection=connection).update(version=7)
        return store(arrival, origin=origin)

    monkeypatch.setattr(spool, "store", overtaken)
    since = Since()
    refresh_now(connection=connection, actor=SYSTEM)
    assert since("specway_refreshes_total", integration="sandbox", outcome="fenced") == 1
    assert since("specway_fenced_writes_total", arrival="direct") == 1


@pytest.mark.django_db(transaction=True)
def test_a_commit_without_database_counts_its_retries_its_spooling_and_its_replay(
    server: HttpServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.will_answer(200, token_answer())
    commit = spool._commit

    seconds = iter([0, 0])  # at the start and after the first try, which a second one follows
    clock = SimpleNamespace(monotonic=lambda: next(seconds, COMMIT_RETRIES.total_seconds()), sleep=time.sleep)

    def away(*_: object, **__: object) -> bool:
        raise OperationalError("gone")

    monkeypatch.setattr(spool, "time", clock)
    monkeypatch.setattr(spool, "_commit", away)
    since = Since()
    refused(connection)
    assert since("specway_commits_without_database_total", step="retried") == 1
    assert since("specway_commits_without_database_total", step="spooled") == 1
    assert since("specway_refreshes_total", integration="sandbox", outcome="spooled") == 1
    monkeypatch.setattr(spool, "_commit", commit)
    assert spool.replay() == 1
    assert since("specway_commits_without_database_total", step="replayed") == 1
    assert since("specway_fenced_writes_total", arrival="replayed") == 0


@pytest.mark.django_db(transaction=True)
def test_who_waits_for_the_winner_is_counted_and_timed(server: HttpServer, connection: Connection) -> None:
    row = TokenSet.objects.filter(connection=connection)
    row.update(lease_token=secrets.token_hex(16), lease_until=Now() + timedelta(seconds=30))

    def win() -> None:
        row.update(version=2, lease_token=None, lease_until=None)
        database.close()

    since = Since()
    winner = threading.Timer(0.2, win)
    winner.start()
    refresh_now(connection=connection, actor=SYSTEM)
    winner.join()
    assert since("specway_lease_wait_seconds_count", integration="sandbox") == 1
    assert since("specway_lease_wait_seconds_sum", integration="sandbox") > 0
    assert server.received == []


def test_a_token_that_is_handed_out_is_counted(server: HttpServer, db: None) -> None:
    owner = factories.make_member()
    connection = make_connection(make_integration(server.url), owner)
    server.will_answer(200, token_answer())
    since = Since()
    tokens.issue_token(connection=connection, actor=factories.actor_for(owner))
    assert since("specway_tokens_handed_out_total", integration="sandbox") == 1


def test_a_team_s_own_service_is_called_custom() -> None:
    team = factories.Team(name="Fernhill Logistics")
    assert metrics.label_of(Integration(slug="carrier-hub-of-fernhill", team=team)) == "custom"


def test_counting_that_fails_loses_no_token(
    server: HttpServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    for metric in (metrics.REFRESHES, metrics.TOKEN_CALLS):
        monkeypatch.setattr(metric, "labels", full)
    server.will_answer(200, token_answer())
    refresh_now(connection=connection, actor=SYSTEM)
    assert load(connection.pk).version == 2


def test_each_round_of_the_schedule_is_noted(db: None, settings: Any, tmp_path: Path) -> None:
    settings.SPOOL_DIR = str(tmp_path)
    assert last_heartbeat() is None
    tasks.refresh_due()
    first = last_heartbeat()
    assert first is not None
    call_command("refresh_due", stdout=StringIO())
    second = last_heartbeat()
    assert second is not None
    assert second >= first
    assert schedule.claim_due() == []
