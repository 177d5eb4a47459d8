"""What the scheduler runs, and how often: nothing else would notice an entry that is missing."""

from config.celery import app

# Seconds by task.
SCHEDULE = {
    "connections.refresh_due": 5,
    "connections.finish_disconnects": 60,
    "integrations.alert_oauth_app_maintainers": 60,
    "notifications.deliver_due": 5,
    "connections.clear_traces": 3600,
    "connections.expire_attempts": 60,
}


def test_each_task_runs_as_often_as_it_should() -> None:
    assert {entry["task"]: entry["schedule"] for entry in app.conf.beat_schedule.values()} == SCHEDULE


def test_each_scheduled_task_exists() -> None:
    app.loader.import_default_modules()
    assert set(SCHEDULE) <= set(app.tasks)


def test_a_message_without_a_worker_expires_before_the_next_one() -> None:
    for entry in app.conf.beat_schedule.values():
        assert entry["options"]["expires"] == entry["schedule"]
