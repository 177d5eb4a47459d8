"""What processes need around them fails: a Redis that hangs, an unusable queue folder, a `.env` that cannot be read."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.factories import make_key
from tests.faults.conftest import Scene
from tests.faults.processes import wait_until
from tests.faults.test_full_disk import ask_for_token, web
from tests.faults.test_queue import CELERY, LOUD, WORKER, beat, on_one_database, versions, worker
from tests.processes import free_port


class SilentServer:
    """Accepts connections, counts them, and says nothing."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.accepted: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        try:
            while True:
                self.accepted.append(self._listener.accept()[0])
        except OSError:
            return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def silent() -> Iterator[SilentServer]:
    server = SilentServer()
    yield server
    server.close()


@on_one_database
def test_token_calls_are_answered_while_redis_hangs_and_only_some_wait_for_it(
    scene: Scene, silent: SilentServer
) -> None:
    scene.rotate("strict")
    scene.crew.env["REDIS_URL"] = f"redis://127.0.0.1:{silent.port}/0"
    key = make_key(scene.cast.member)[1]
    port = free_port()
    web(scene, port)
    assert ask_for_token(port, key, scene.connection).status_code == 200
    before = len(silent.accepted)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: ask_for_token(port, key, scene.connection).status_code, range(24)))
    assert found == [200] * 24
    assert len(silent.accepted) - before < 24, "each call waited for it"
    scene.expire()
    refreshed = ask_for_token(port, key, scene.connection)
    assert scene.server.knows(refreshed.json()["access_token"])
    ready = requests.get(f"http://127.0.0.1:{port}/readyz", timeout=60)
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["checks"]["broker"] == "failed"
    scene.server.journal.check()


@on_one_database
def test_worker_and_beat_survive_a_queue_folder_that_is_unusable_for_a_while(scene: Scene) -> None:
    scene.rotate("strict")
    works, scheduler = worker(scene), beat(scene)
    wait_until(lambda: "succeeded" in works.log, what="a periodic task")
    queue = scene.crew.folder / "var" / "queue"
    queue.rename(queue.with_name("moved"))
    queue.touch()
    wait_until(lambda: "FileExistsError" in scheduler.log, what="a beat without a queue")
    queue.unlink()
    scene.expire()
    wait_until(lambda: versions() == {2}, what="a refresh after the folder is back", seconds=60)
    assert (works.process.poll(), scheduler.process.poll()) == (None, None)
    assert len(scene.server.journal.refreshes) == 1


@on_one_database
def test_no_process_starts_with_an_env_file_that_cannot_be_read(scene: Scene) -> None:
    folder = scene.crew.folder / "env"
    folder.mkdir(parents=True)
    gunicorn = ("-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi")
    commands = (gunicorn, tuple(WORKER), (*CELERY, "beat", "--pidfile=", *LOUD), ("manage.py", "refresh_due"))
    for child in [scene.crew.start(*command, ENV_FILE=str(folder), PORT=str(free_port())) for command in commands]:
        assert child.ended() != 0
        assert f"Cannot read {folder}: is a directory." in child.log
