"""The folder that carries Celery's messages on a machine without Redis."""

from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker
from kombu import Connection
from kombu.exceptions import OperationalError
from kombu.simple import SimpleQueue

from tests.e2e.processes import wait_for

CONNECTION = {"hostname": "filesystem://localhost//", "transport": "config.folder_queue:Transport"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "queue"


@pytest.fixture
def queue(folder: Path) -> SimpleQueue:
    options = {"data_folder_in": str(folder), "polling_interval": 0.05}
    return Connection(**CONNECTION, transport_options=options).SimpleQueue("celery")


def taken(queue: SimpleQueue) -> Any:
    message = queue.get(timeout=5)
    message.ack()
    return message.payload


def test_messages_come_in_the_order_in_which_they_were_sent(queue: SimpleQueue) -> None:
    for number in range(5):
        queue.put(number)
    assert [taken(queue) for _ in range(5)] == list(range(5))
    with pytest.raises(queue.Empty):
        queue.get(timeout=0.1)


def test_a_message_that_a_dying_process_left_half_written_is_passed_over(queue: SimpleQueue, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "1_dead.celery.msg.part").write_bytes(b'{"body": "half')
    (folder / "1_dead.celery.claimed").write_bytes(b"{}")
    queue.put("whole")
    assert taken(queue) == "whole"


def test_a_message_appears_only_when_it_is_written_to_its_end(
    queue: SimpleQueue, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(path: Path, target: Path) -> Path:
        raise OSError("the process ends here")

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(OSError, match="ends here"):
        queue.put("half")
    assert list(folder.glob("*.msg")) == []
    monkeypatch.undo()
    queue.put("whole")
    assert taken(queue) == "whole"


def test_a_damaged_message_is_dropped_and_the_next_one_comes(queue: SimpleQueue, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "1_damaged.celery.msg").write_bytes(b'{"body": "ha')
    queue.put("whole")
    assert taken(queue) == "whole"


def test_a_folder_that_cannot_be_used_is_a_broker_that_is_down(queue: SimpleQueue, folder: Path) -> None:
    queue.put("before")
    folder.rename(folder.with_name("moved"))
    folder.touch()
    with pytest.raises(FileExistsError) as raised:
        queue.put("lost")
    assert isinstance(raised.value, queue.channel.connection.client.connection_errors)
    with pytest.raises(OperationalError):
        Connection(**CONNECTION, transport_options={"data_folder_in": str(folder)}).ensure_connection(max_retries=1)
    folder.unlink()
    folder.with_name("moved").rename(folder)
    assert taken(queue) == "before"


def test_a_worker_survives_a_folder_that_cannot_be_used_for_a_while(folder: Path) -> None:
    app = Celery("test", set_as_current=False)
    app.conf.update(
        broker_url=CONNECTION["hostname"],
        broker_transport=CONNECTION["transport"],
        broker_transport_options={"data_folder_in": str(folder), "polling_interval": 0.05},
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
    )
    done: list[str] = []

    @app.task(name="note")
    def note(text: str) -> None:
        done.append(text)

    with start_worker(app, pool="solo", perform_ping_check=False):
        app.send_task("note", ["before"])
        wait_for(lambda: done == ["before"], seconds=60)
        folder.rename(folder.with_name("moved"))
        folder.touch()
        with pytest.raises(OperationalError):
            app.send_task("note", ["lost"])
        folder.unlink()
        app.send_task("note", ["after"])
        wait_for(lambda: done == ["before", "after"], seconds=60)


def test_only_its_owner_can_read_the_folder(queue: SimpleQueue, folder: Path) -> None:
    queue.put("hello")
    assert folder.stat().st_mode & 0o077 == 0


def test_a_task_sent_while_redis_is_down_fails_at_once_with_the_error_that_callers_expect(free_redis_url: str) -> None:
    from django.conf import settings

    app = Celery("test", broker=free_redis_url, set_as_current=False)
    app.conf.update(
        task_publish_retry=settings.CELERY_TASK_PUBLISH_RETRY,
        broker_connection_timeout=settings.CELERY_BROKER_CONNECTION_TIMEOUT,
        broker_transport_options=settings.REDIS_TRANSPORT_OPTIONS,
    )
    with pytest.raises(OperationalError):
        app.send_task("anything")


@pytest.fixture
def free_redis_url() -> str:
    from tests.processes import free_port

    return f"redis://127.0.0.1:{free_port()}/0"
