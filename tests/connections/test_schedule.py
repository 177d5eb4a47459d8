"""What is due is dispatched once, in batches; schedulers, queues and brokers change nothing but timing."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from kombu.exceptions import OperationalError

from apps.audit.origin import Origin
from apps.connections import tasks
from apps.connections.models import Connection, TokenSet
from apps.connections.services import dispatch_limits, schedule
from apps.connections.services.disconnect import disconnect
from apps.connections.services.refresh import load
from apps.sql import Now
from config import celery
from tests.authserver import AuthServer
from tests.fixtures.connections import (
    Cast,
    ConnectFlow,
    Meanwhile,
    access_token,
    expire,
    make_due,
    side_by_side,
    tokens_of,
)


@pytest.fixture
def several(connect_flow: ConnectFlow, cast: Cast) -> list[Connection]:
    made = [connect_flow.connect(cast.actor("member"), subject=f"person-{number}") for number in range(6)]
    TokenSet.objects.update(next_refresh_at=Now() - timedelta(seconds=1))
    return made


@pytest.mark.django_db
def test_what_is_not_due_or_being_refreshed_or_disconnected_is_not_dispatched(several: list[Connection]) -> None:
    later, held, going, never, *due = several
    TokenSet.objects.filter(connection=later).update(next_refresh_at=Now() + timedelta(minutes=1))
    TokenSet.objects.filter(connection=held).update(lease_until=Now() + timedelta(minutes=1))
    Connection.objects.filter(pk=going.pk).update(status="disconnecting")
    TokenSet.objects.filter(connection=never).update(next_refresh_at=None)
    given = schedule.claim_due()
    assert {pk for pk, _ in given} == {tokens_of(connection).pk for connection in due}


@pytest.mark.django_db
def test_what_was_dispatched_is_due_again_only_after_a_while(several: list[Connection]) -> None:
    assert len(schedule.claim_due()) == 6
    assert schedule.claim_due() == []
    row = load(several[0].pk)
    assert row.dispatched_until is not None
    assert row.dispatched_until - row.db_now > timedelta(seconds=50)
    TokenSet.objects.update(dispatched_until=Now() - timedelta(seconds=1))
    assert len(schedule.claim_due()) == 6


@pytest.mark.django_db
def test_a_batch_is_bounded_and_the_longest_due_go_first(
    several: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "CLAIM_SIZE", 2)
    first = several[3]
    TokenSet.objects.filter(connection=first).update(next_refresh_at=Now() - timedelta(hours=1))
    given = schedule.claim_due()
    assert len(given) == 2
    assert given[0] == (tokens_of(first).pk, 1)


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_never_get_the_same_row(several: list[Connection]) -> None:
    given = [result.value for result in side_by_side(schedule.claim_due, schedule.claim_due, schedule.claim_due)]
    flat = [pk for rows in given for pk, _ in rows]
    assert len(flat) == len(set(flat)) == 6


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(database.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_a_beat_skips_what_another_is_just_claiming(several: list[Connection], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "CLAIM_SIZE", 4)
    holding, go_on = threading.Event(), threading.Event()

    def claim_slowly() -> Any:
        with transaction.atomic():
            rows = claim()
            holding.set()
            assert go_on.wait(60)
        return rows

    def claim() -> Any:
        """Without the lock of the leading scheduler, for which the second would wait."""
        return list(chain.from_iterable(schedule._claim(dispatch_limits.Progress())))

    slow = Meanwhile(claim_slowly)
    assert holding.wait(60)
    second = claim()
    go_on.set()
    first = slow.result().value
    assert len(first) == 4
    assert not set(second) & set(first)
    assert len(second) + len(schedule.claim_due()) == 2


@pytest.mark.django_db(transaction=True)
def test_a_task_delivered_many_times_refreshes_once(connection: Connection, server: AuthServer) -> None:
    row = tokens_of(connection)
    calls = [lambda: schedule.refresh_batch([(row.pk, row.version)])] * 4
    assert [result.error for result in side_by_side(*calls)] == [None] * 4
    schedule.refresh_batch([(row.pk, row.version)])
    assert len(server.journal.refreshes) == 1
    assert tokens_of(connection).version == 2
    server.journal.check()


@pytest.mark.django_db
def test_a_task_for_a_connection_that_is_gone_does_nothing(
    connection: Connection, cast: Cast, server: AuthServer
) -> None:
    row = tokens_of(connection)
    disconnect(actor=cast.actor("member"), connection=connection)
    schedule.refresh_batch([(row.pk, row.version)])
    assert server.journal.refreshes == []


@pytest.mark.django_db
def test_a_connection_that_goes_away_between_the_look_and_the_refresh_is_no_failure(
    connection: Connection, server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = tokens_of(connection)

    def vanish(*_: object, **__: object) -> None:
        Connection.objects.all().delete()
        load(connection.pk)

    monkeypatch.setattr(schedule, "attempt_refresh", vanish)
    schedule.refresh_batch([(row.pk, row.version)])


@pytest.mark.django_db
def test_the_queue_carries_ids_and_versions_only(several: list[Connection], monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, int]] = []
    monkeypatch.setattr(tasks.refresh_some, "delay", sent.extend)
    tasks.refresh_due()
    assert sorted(sent) == sorted((str(tokens_of(connection).pk), 1) for connection in several)


@pytest.mark.django_db
def test_without_a_broker_the_beat_refreshes_by_itself(
    several: list[Connection], server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError

    monkeypatch.setattr(tasks.refresh_some, "delay", away)
    tasks.refresh_due()
    assert len(server.journal.refreshes) == 6
    assert set(TokenSet.objects.values_list("version", flat=True)) == {2}


class Runs:
    """Instead of the scheduler's runs: each goes on until `end` is set."""

    def __init__(self) -> None:
        self.end = threading.Event()
        self.threads: list[threading.Thread] = []
        self.ended: list[bool] = []

    def __call__(self, *_: Any, **__: Any) -> None:
        self.threads.append(threading.current_thread())
        self.ended.append(self.end.wait(20))
        raise ValueError("a defect in a run")

    def join(self) -> None:
        self.end.set()
        for thread in self.threads:
            thread.join(20)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    made = Runs()
    monkeypatch.setattr(schedule, "dispatch_due", made)
    monkeypatch.setattr(celery, "_begins_now", lambda task: True)  # whenever the one before was
    yield made
    made.join()


@pytest.mark.django_db
def test_in_a_worker_the_scheduler_takes_no_thread_from_refreshes(runs: Runs, caplog: Any) -> None:
    tasks.refresh_due.apply()
    assert runs.ended == [], "the task has ended, and its run has not"
    runs.join()
    assert runs.ended == [True]
    assert runs.threads[0] is not threading.current_thread()
    assert "scheduler run failed" in caplog.messages


@pytest.mark.django_db
def test_runs_that_do_not_end_are_no_more_than_two(runs: Runs, caplog: Any) -> None:
    for _ in range(3):
        tasks.refresh_due.apply()
    left_out = [message for message in caplog.messages if message.startswith("scheduler run")]
    assert left_out == ["scheduler run left out: the last two have not ended"]
    runs.join()
    assert len(runs.threads) == 2
    tasks.refresh_due.apply()
    runs.join()
    assert len(runs.threads) == 3, "later ones begin"


@pytest.mark.django_db
def test_the_refresh_task_takes_what_json_carries(connection: Connection, server: AuthServer) -> None:
    tasks.refresh_some(json.loads(json.dumps([(str(tokens_of(connection).pk), 1)])))
    assert tokens_of(connection).version == 2


@pytest.mark.django_db
def test_one_that_fails_leaves_the_rest_of_its_batch_alone(
    several: list[Connection], server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [(tokens_of(connection).pk, 1) for connection in several]
    attempt = schedule.attempt_refresh

    def breaks_once(row: TokenSet, *, origin: Origin) -> bool:
        if row.pk == rows[0][0]:
            raise RuntimeError
        return attempt(row, origin=origin)

    monkeypatch.setattr(schedule, "attempt_refresh", breaks_once)
    schedule.refresh_batch(rows)
    assert len(server.journal.refreshes) == len(rows) - 1


@pytest.mark.django_db
def test_the_next_refresh_moves_on_with_every_lifetime(connection: Connection, server: AuthServer) -> None:
    server.expires_in = 60
    seen = set()
    for _ in range(3):
        make_due(connection)
        (due,) = schedule.claim_due()
        schedule.refresh_batch([due])
        row = tokens_of(connection)
        assert row.expires_at is not None
        assert row.next_refresh_at is not None
        assert timedelta(seconds=12) <= row.expires_at - row.next_refresh_at <= timedelta(seconds=15)
        seen.add(access_token(connection))
    assert len(seen) == len(server.journal.refreshes) == 3


@pytest.mark.django_db
def test_a_reader_needs_neither_beat_nor_broker(connection: Connection, cast: Cast, server: AuthServer) -> None:
    from apps.connections.services.tokens import issue_token

    expire(connection)
    TokenSet.objects.update(next_refresh_at=None)
    assert server.knows(issue_token(connection=connection, actor=cast.actor("member")).access_token)


@pytest.mark.django_db
def test_a_batch_leaves_alone_what_changed_since_it_was_dispatched(
    several: list[Connection], server: AuthServer
) -> None:
    rows = [(tokens_of(connection).pk, 1) for connection in several]
    TokenSet.objects.filter(pk=rows[2][0]).update(version=2)
    schedule.refresh_batch(rows)
    assert len(server.journal.refreshes) == len(rows) - 1


@pytest.mark.django_db
def test_each_of_a_batch_is_read_when_its_turn_comes(
    several: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, seen = [(tokens_of(connection).pk, 1) for connection in several], []

    def note(row: TokenSet, *, origin: Origin) -> bool:
        seen.append(row.connection.name)
        Connection.objects.update(name=f"after {len(seen)}")
        return True

    Connection.objects.update(name="before")
    monkeypatch.setattr(schedule, "attempt_refresh", note)
    schedule.refresh_batch(rows[:3])
    assert seen == ["before", "after 1", "after 2"]
