"""The beat schedule, and that no message depends on two hosts' clocks."""

import time
from datetime import timedelta
from typing import Any

import pytest
from celery.beat import ScheduleEntry, Scheduler
from celery.worker.request import Request
from kombu import Connection, Consumer, Queue

from config import celery as schedule
from config.celery import PERIODS, app

TEN_MINUTES = 600


@pytest.fixture(autouse=True)
def no_runs_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "_last_runs", {})


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of periodic tasks that a worker ran."""
    ran: list[str] = []
    app.loader.import_default_modules()
    for name in PERIODS:
        monkeypatch.setattr(app.tasks[name], "run", lambda name=name: ran.append(name))
    return ran


def messages(*, schedulers: int = 1) -> list[Any]:
    """What that many schedulers send in one period."""
    sent: list[Any] = []
    with Connection("memory://") as connection, connection.channel() as channel:
        queue = Queue("celery", app.amqp.queues["celery"].exchange, routing_key="celery", channel=channel)
        queue.declare()
        queue.purge()
        for _ in range(schedulers):
            scheduler = Scheduler(app, lazy=True)
            with app.amqp.producer_pool.acquire() as pooled:
                producer = type(pooled)(channel)
            for name, entry in app.conf.beat_schedule.items():
                scheduler.apply_async(ScheduleEntry(name=name, app=app, **entry), producer=producer, advance=False)
        with Consumer(channel, [queue], callbacks=[lambda _body, message: sent.append(message)], no_ack=True):
            while len(sent) < schedulers * len(PERIODS):
                connection.drain_events(timeout=5)
    return sent


def work(message: Any) -> None:
    """Handle one message as a worker's thread does."""
    request = Request(message, app=app, hostname="worker", task=app.tasks[message.headers["task"]])
    if not request.revoked():
        request.execute()


def test_every_periodic_task_exists_and_runs_at_its_period() -> None:
    app.loader.import_default_modules()
    assert {name: entry["schedule"] for name, entry in app.conf.beat_schedule.items()} == {
        "connections.refresh_due": 5,
        "notifications.deliver_due": 5,
        "connections.finish_disconnects": 60,
        "connections.expire_attempts": 60,
        "integrations.alert_oauth_app_maintainers": 60,
        "connections.send_attention_mails": 60,
        "connections.sample_queue": 60,
        "connections.send_expiry_mails": 3600,
        "connections.clear_traces": 3600,
        "connections.run_bulk_jobs": 60,
        "teams.delete_idempotent_requests": 3600,
    }
    assert PERIODS.keys() <= app.tasks.keys()


@pytest.mark.parametrize("ahead", [-TEN_MINUTES, 0, 6, TEN_MINUTES])
def test_scheduled_tasks_run_when_the_workers_clock_differs_from_that_of_beat(
    ahead: int, runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = app.now
    with monkeypatch.context() as host_of_beat:
        host_of_beat.setattr(app, "now", lambda: clock() - timedelta(seconds=ahead))
        sent = messages()
    for message in sent:
        work(message)
    assert sorted(runs) == sorted(PERIODS)


def test_messages_that_piled_up_run_a_periodic_task_once(runs: list[str]) -> None:
    for message in messages(schedulers=20):
        work(message)
    assert sorted(runs) == sorted(PERIODS)


def test_a_periodic_task_runs_again_in_the_next_period(runs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    begun = time.monotonic()
    for number in range(3):
        monkeypatch.setattr(schedule, "monotonic", lambda number=number: begun + number * 4.9)
        for message in messages():
            work(message)
    assert runs.count("connections.refresh_due") == 3
    assert runs.count("connections.clear_traces") == 1


def test_other_tasks_run_each_time() -> None:
    assert schedule._begins_now("connections.refresh_some")
    assert schedule._begins_now("connections.refresh_some")


def test_beat_keeps_its_schedule_in_memory() -> None:
    """A file would be pickles on a disk that may be full, and carry the time of one host to another."""
    assert app.conf.beat_scheduler == "celery.beat:Scheduler"
