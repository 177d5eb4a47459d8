"""Dispatching what is due goes on as refreshes finish, in turns, and never beyond an integration's limit."""

import re
import threading
from datetime import timedelta
from itertools import chain
from typing import Any
from uuid import UUID

import pytest
from celery.signals import worker_shutting_down
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.connections import tasks
from apps.connections.models import SchedulerHeartbeat, TokenSet
from apps.connections.policy.refresh_policy import QUEUE_AHEAD, QUEUE_GROWTH
from apps.connections.services import dispatch_limits, heartbeat, schedule
from apps.connections.services.lease import acquire_lease
from apps.connections.services.refresh import load
from apps.integrations.models import Integration, OAuthApp
from apps.sql import Now
from tests.bench.claims import copies_of
from tests.connections.rows import make_connection, make_connections, make_integration
from tests.factories import make_member
from tests.fixtures.connections import side_by_side

LIMIT = 3


@pytest.fixture
def due(db: None, monkeypatch: pytest.MonkeyPatch) -> int:
    """Seven are due at a service that allows three calls at once."""
    monkeypatch.setattr(dispatch_limits, "PARALLEL_CALLS", LIMIT)
    monkeypatch.setattr(schedule, "PAUSES", (0.001,))
    return len(make_connections(7, make_integration(), make_member()))


def in_hand() -> int:
    return TokenSet.objects.filter(dispatched_until__gt=Now()).count()


def done(token_set_id: UUID) -> None:
    TokenSet.objects.filter(pk=token_set_id).update(dispatched_until=None, next_refresh_at=None)


@pytest.mark.django_db
def test_it_goes_on_as_refreshes_finish_until_nothing_is_due(due: int) -> None:
    given: list[UUID] = []

    def give(batch: list[tuple[UUID, int]]) -> None:
        assert in_hand() <= LIMIT
        for token_set_id, _ in batch:
            given.append(token_set_id)
            done(token_set_id)

    schedule.dispatch_due(give, seconds=60)
    assert len(given) == len(set(given)) == due


@pytest.mark.django_db
def test_it_stops_in_time_at_the_limit_and_never_exceeds_it(due: int) -> None:
    given: list[UUID] = []
    schedule.dispatch_due(lambda batch: given.extend(pk for pk, _ in batch), seconds=0.2)
    assert len(given) == LIMIT


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_together_stay_within_the_limit(due: int) -> None:
    given: list[UUID] = []

    def beat() -> Any:
        schedule.dispatch_due(lambda batch: given.extend(pk for pk, _ in batch), seconds=0.2)

    assert [result.error for result in side_by_side(beat, beat, beat)] == [None] * 3
    assert len(given) == len(set(given)) == LIMIT


@pytest.mark.django_db
def test_what_a_lost_task_had_is_dispatched_again_after_a_while(due: int) -> None:
    first = schedule.claim_due()
    assert schedule.claim_due() == []
    TokenSet.objects.filter(dispatched_until__isnull=False).update(dispatched_until=Now() - timedelta(seconds=1))
    assert sorted(schedule.claim_due()) == sorted(first)


@pytest.mark.django_db
def test_a_turn_belongs_to_one_and_is_lost_by_who_does_not_end_it(due: int) -> None:
    with heartbeat.leader_lock() as ours:
        assert ours
        assert schedule.claim_due() == []
        SchedulerHeartbeat.objects.filter(name=heartbeat.DISPATCHING).update(at=Now() - timedelta(seconds=1))
        assert len(schedule.claim_due()) == LIMIT


@pytest.mark.django_db
def test_the_dispatch_mark_ends_with_the_lease_so_a_killed_refresh_is_retried_at_once(due: int) -> None:
    [(token_set_id, _), *_] = schedule.claim_due()
    row = load(TokenSet.objects.get(pk=token_set_id).connection_id)
    assert acquire_lease(row=row, refresh_token="used") is not None
    killed = TokenSet.objects.get(pk=token_set_id)
    assert killed.lease_until is not None
    assert killed.dispatched_until is not None
    assert abs(killed.dispatched_until - killed.lease_until) < timedelta(milliseconds=50)


@pytest.mark.django_db
def test_the_scheduler_waits_for_a_lease_that_ends_during_its_run(due: int) -> None:
    row = TokenSet.objects.exclude(pk=TokenSet.objects.earliest("pk").pk).earliest("pk")
    TokenSet.objects.exclude(pk=row.pk).update(next_refresh_at=None)
    end = Now() + timedelta(seconds=0.4)
    TokenSet.objects.filter(pk=row.pk).update(lease_until=end, dispatched_until=end)
    dispatched: list[UUID] = []
    schedule.dispatch_due(lambda batch: dispatched.extend(pk for pk, _ in batch), seconds=30)
    assert dispatched == [row.pk]


class Clock:
    """Time that passes while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A look for due rows each second."""
    made = Clock()
    monkeypatch.setattr(schedule, "PAUSES", (1.0,))
    for module in (schedule, dispatch_limits):
        monkeypatch.setattr(module, "time", made)
    return made


@pytest.mark.django_db
def test_a_run_goes_on_beyond_its_time_while_refreshes_get_done(due: int, clock: Clock) -> None:
    given: list[int] = []

    def give(batch: list[tuple[UUID, int]]) -> None:
        given.append(int(clock.now) - 1000)
        done(batch[0][0])

    schedule.dispatch_due(give, seconds=1.5)
    assert given == [0, 0, 0, 1, 1, 1, 2]


@pytest.mark.django_db
def test_a_run_goes_on_no_longer_than_as_much_again(due: int, clock: Clock) -> None:
    given: list[int] = []

    def give(batch: list[tuple[UUID, int]]) -> None:
        given.append(int(clock.now) - 1000)
        TokenSet.objects.update(dispatched_until=None)  # done, and due again at once

    schedule.dispatch_due(give, seconds=1.5)
    assert max(given) == 3


@pytest.mark.django_db
def test_a_run_ends_in_time_when_no_refresh_gets_done(due: int, clock: Clock) -> None:
    schedule.dispatch_due(lambda _: None, seconds=5)
    assert clock.now <= 1005


@pytest.mark.django_db
def test_a_run_ends_when_the_next_begins(due: int, clock: Clock) -> None:
    progress, given = dispatch_limits.Progress(), list[UUID]()

    def give(batch: list[tuple[UUID, int]]) -> None:
        given.append(batch[0][0])
        done(batch[0][0])
        if len(given) == LIMIT:
            progress.begin_run()

    schedule.dispatch_due(give, seconds=60, progress=progress)
    assert len(given) == LIMIT


@pytest.mark.django_db
def test_a_worker_that_is_to_stop_ends_its_run(due: int, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_stopping", threading.Event())
    given: list[UUID] = []

    def give(batch: list[tuple[UUID, int]]) -> None:
        given.append(batch[0][0])
        done(batch[0][0])
        worker_shutting_down.send(sender="worker", sig="TERM", how="Warm", exitcode=0)

    schedule.dispatch_due(give, seconds=60, progress=tasks._progress)
    assert len(given) == LIMIT


@pytest.mark.django_db
def test_a_worker_that_is_to_stop_leaves_the_rest_of_its_batch_to_others(
    due: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "_stopping", threading.Event())
    rows, begun = schedule.claim_due(), list[UUID]()

    def refresh(row: TokenSet) -> None:
        begun.append(row.pk)
        TokenSet.objects.filter(pk=rows[-1][0]).update(lease_until=Now() + timedelta(seconds=40))  # by another process
        worker_shutting_down.send(sender="worker", sig="TERM", how="Warm", exitcode=0)

    monkeypatch.setattr(schedule, "_refresh_one", refresh)
    tasks.refresh_some([(str(pk), version) for pk, version in rows])
    assert begun == [rows[0][0]]
    still_dispatched = TokenSet.objects.filter(dispatched_until__gt=Now())
    assert set(still_dispatched.values_list("pk", flat=True)) == {rows[0][0], rows[-1][0]}


@pytest.mark.django_db
def test_the_first_looks_follow_soon_and_later_ones_do_not(
    due: int, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "PAUSES", (0.1, 0.2, 0.4))
    looks: list[float] = []

    def claim(_: object) -> list[Any]:
        looks.append(round(clock.now - 1000, 1))
        return []

    monkeypatch.setattr(schedule, "claim_batches", claim)
    schedule.dispatch_due(lambda _: None, seconds=1.2)
    assert looks == [0, 0.1, 0.3, 0.7, 1.1]


@pytest.mark.django_db
def test_the_scheduler_does_not_wait_for_what_is_due_after_its_run(due: int) -> None:
    TokenSet.objects.update(next_refresh_at=Now() + timedelta(minutes=1))
    assert schedule.seconds_until_due(within=4.5) is None
    assert 50 < (schedule.seconds_until_due(within=90) or 0) <= 60


def dispatch_all(begin: bool) -> list[UUID]:
    """Claim until nothing is returned; `begin`: a worker begins each refresh at once."""
    taken: list[UUID] = []
    while rows := schedule.claim_due():
        taken += [pk for pk, _ in rows]
        if begin:
            until = Now() + timedelta(seconds=40)
            TokenSet.objects.filter(pk__in=taken).update(lease_until=until, dispatched_until=until)
    return taken


@pytest.fixture
def backlog(db: None) -> int:
    """200 refreshes are due at one service."""
    return len(make_connections(200, make_integration(), make_member()))


@pytest.mark.django_db
def test_the_queue_holds_few_refreshes_of_one_app_so_that_others_do_not_wait(backlog: int) -> None:
    assert len(dispatch_all(begin=False)) == QUEUE_AHEAD
    other = make_connection(make_integration(slug="other", name="Other"))
    assert dispatch_all(begin=False) == [TokenSet.objects.get(connection=other).pk]


@pytest.mark.django_db
def test_as_many_refreshes_run_at_once_as_the_workers_begin(backlog: int) -> None:
    assert len(dispatch_all(begin=True)) == backlog


def dispatched_then_done(progress: dispatch_limits.Progress, looks: int) -> list[int]:
    """How many refreshes each look dispatches at a service that has responded to all of them before the next."""
    counts: list[int] = []
    for _ in range(looks):
        rows = schedule.claim_due(progress)
        counts.append(len(rows))
        for token_set_id, _version in rows:
            done(token_set_id)
    return counts


@pytest.mark.django_db
def test_the_queue_of_a_service_that_responds_grows_with_what_it_finishes(backlog: int) -> None:
    looks = dispatched_then_done(dispatch_limits.Progress(), 3)
    assert looks == [QUEUE_AHEAD, QUEUE_GROWTH * QUEUE_AHEAD, backlog - (1 + QUEUE_GROWTH) * QUEUE_AHEAD]


@pytest.mark.django_db
def test_the_queue_of_a_service_that_stops_responding_does_not_grow(backlog: int) -> None:
    progress = dispatch_limits.Progress()
    dispatched_then_done(progress, 1)
    assert len(schedule.claim_due(progress)) == QUEUE_GROWTH * QUEUE_AHEAD
    assert schedule.claim_due(progress) == []


@pytest.mark.django_db
def test_refreshes_that_time_out_do_not_let_the_queue_grow(backlog: int) -> None:
    progress = dispatch_limits.Progress()
    dispatched_then_done(progress, 2)
    progress.dispatched_at = {
        group: at - dispatch_limits.PROGRESS_LASTS for group, at in progress.dispatched_at.items()
    }
    assert dispatched_then_done(progress, 1) == [QUEUE_AHEAD]


@pytest.mark.django_db
def test_one_message_holds_several_refreshes_of_a_service_that_finishes_many(backlog: int) -> None:
    progress, sizes = dispatch_limits.Progress(), list[list[int]]()
    for _ in range(3):
        batches = schedule.claim_batches(progress)
        sizes.append([len(batch) for batch in batches])
        for token_set_id, _version in chain.from_iterable(batches):
            done(token_set_id)
    assert sizes == [[1] * QUEUE_AHEAD, [4] * 2 * QUEUE_AHEAD, [1] * 56]
    assert sum(chain.from_iterable(sizes)) == backlog


def test_messages_are_enough_for_all_threads_that_work_on_the_service() -> None:
    load = dispatch_limits.Load()
    group = ("service", None)
    load.begun[group], load.finished[group] = 64, 64
    assert load.batch_size(group, due=1000) == QUEUE_GROWTH * 64 // 64
    assert load.batch_size(group, due=128) == 2, "also for the last ones, which no thread should have to itself"


@pytest.mark.django_db
def test_a_batch_holds_refreshes_of_one_app_and_others_take_turns_with_it(backlog: int) -> None:
    progress = dispatch_limits.Progress()
    dispatched_then_done(progress, 1)
    other = make_integration(slug="other", name="Other")
    others = {TokenSet.objects.get(connection=make_connection(other)).pk for _ in range(3)}
    batches = schedule.claim_batches(progress)
    assert [len(batch) for batch in batches[:7]] == [4, 1, 4, 1, 4, 1, 4]
    assert {pk for batch in batches[1:6:2] for pk, _ in batch} == others


@pytest.mark.django_db
def test_two_oauth_apps_of_one_service_are_dispatched_in_turn(backlog: int) -> None:
    integration = Integration.objects.get()
    app = OAuthApp.objects.create(integration=integration, team=make_member().team, client_id="its-own")
    own = make_connection(integration, oauth_app=app)
    rows = schedule.claim_due()
    assert TokenSet.objects.get(connection=own).pk in [pk for pk, _ in rows]


@pytest.mark.django_db
@pytest.mark.parametrize("has_app", [True, False], ids=["with an OAuth app", "without one"])
def test_one_that_is_due_later_does_not_wait_for_the_end_of_anothers_backlog(
    backlog: int, has_app: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "LOOKAHEAD", 50)
    integration = Integration.objects.get()
    if has_app:
        app = OAuthApp.objects.create(integration=integration, team=make_member().team, client_id="backlog")
        integration.connections.update(oauth_app=app)
    TokenSet.objects.update(next_refresh_at=Now() - timedelta(minutes=1))
    other = make_connection(make_integration(slug="other", name="Other"))
    TokenSet.objects.filter(connection=other).update(next_refresh_at=Now())
    rows = schedule.claim_due()
    assert len(rows) == QUEUE_AHEAD + 1
    assert TokenSet.objects.get(connection=other).pk in [pk for pk, _ in rows]


@pytest.mark.django_db
def test_each_refresh_of_a_service_is_a_task_of_its_own_at_first(due: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    schedule.dispatch_due(lambda rows: sent.append(len(rows)), seconds=0.1)
    assert sent == [1] * LIMIT


@pytest.mark.needs_postgresql
@pytest.mark.django_db
def test_a_claim_among_many_reads_no_table_from_end_to_end(due: int) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL explains its plans.")
    calm = TokenSet.objects.get(pk=make_connection(Integration.objects.get(), make_member()).token_set.pk)
    TokenSet.objects.filter(pk=calm.pk).update(next_refresh_at=Now() + timedelta(days=1))
    with connection.cursor() as cursor:
        cursor.execute(copies_of(calm, 5000))
        cursor.execute("ANALYZE connections_connection, connections_tokenset")
        with CaptureQueriesContext(connection) as captured:
            assert len(schedule.claim_due()) == LIMIT
            assert schedule.seconds_until_due(within=60) == 0
        statements = [query["sql"] for query in captured if "connections_tokenset" in query["sql"]]
        assert len(statements) > 4
        for sql in statements:
            cursor.execute(f"EXPLAIN {sql}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert not re.search(r"Seq Scan on connections_(connection|tokenset)", plan), f"{sql}\n{plan}"
