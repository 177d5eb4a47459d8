"""The disk is full between the service's answer and the commit: no token is lost, and no process ends."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db import connection as database

from apps.teams.models import Membership
from tests.authserver.server import Gate
from tests.factories import make_key
from tests.faults.conftest import Scene
from tests.faults.disk import Disk, small_disk
from tests.faults.processes import Child, wait_until
from tests.faults.test_queue import CELERY, LOUD, WORKER, on_one_database
from tests.fixtures.connections import ConnectFlow, expire
from tests.processes import free_port

pytestmark = pytest.mark.needs_mount
SOON = {"COMMIT_RETRIES": 1, "LEASE": 30}


@pytest.fixture
def disk(tmp_path: Path, scene: Scene) -> Iterator[Disk]:
    """VAR_DIR and the spool of the processes are on it."""
    with small_disk(tmp_path / "disk", megabytes=32) as mounted:
        scene.crew.mounts_of = mounted.holder
        scene.crew.env |= {"VAR_DIR": str(mounted.path / "var"), "SPOOL_DIR": str(mounted.path / "spool")}
        yield mounted
        scene.crew.end()


def with_database_on(disk: Disk, scene: Scene, tmp_path: Path) -> None:
    """The SQLite database as it is now, copied."""
    scene.is_copied = True
    copy = sqlite3.connect(tmp_path / "copy.sqlite3")
    database.ensure_connection()
    database.connection.backup(copy)
    copy.close()
    shutil.copyfile(tmp_path / "copy.sqlite3", disk.seen / "db.sqlite3")
    scene.crew.env["DATABASE_URL"] = f"sqlite:///{disk.path / 'db.sqlite3'}"


def web(scene: Scene, port: int) -> Child:
    arguments = ("-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi")
    started = scene.crew.start(*arguments, PORT=str(port), WEB_CONCURRENCY="1", WEB_THREADS="2")
    wait_until(lambda: answers(port, "/healthz"), what="a web process", seconds=60)
    return started


def answers(port: int, path: str) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}{path}", timeout=30).status_code == 200
    except requests.ConnectionError:
        return False


def ask_for_token(port: int, key: str, connection: Any) -> requests.Response:
    url = f"http://127.0.0.1:{port}/api/v1/connections/{connection.pk}/token/"
    return requests.post(url, json={}, headers={"Authorization": f"Bearer {key}"}, timeout=60)


def in_the_spool(worker: Child) -> bool:
    return "new tokens are in the spool" in worker.log


@pytest.mark.skipif(database.vendor != "sqlite", reason="PostgreSQL has a disk of its own")
def test_a_full_disk_with_database_spool_and_metrics_loses_no_token_and_ends_no_process(
    scene: Scene, disk: Disk, connect_flow: ConnectFlow, cast: Any, tmp_path: Path
) -> None:
    scene.rotate("strict")
    other = connect_flow.connect(cast.actor("member"), subject="another")
    expire(other, ago=-3000)
    key = make_key(Membership.objects.get(pk=cast.member.pk))[1]
    scene.expire()
    with_database_on(disk, scene, tmp_path)
    gate = scene.server.answer_gate = Gate()
    port = free_port()
    worker, beat = scene.crew.start(*WORKER, times=SOON), scene.crew.start(*CELERY, "beat", "--pidfile=", *LOUD)
    server = web(scene, port)
    assert gate.arrived.wait(60), worker.log
    disk.fill()
    gate.open()
    wait_until(lambda: in_the_spool(worker), what="tokens in the reserved space")
    disk.fill()
    refused = ask_for_token(port, key, other)
    assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    ready = requests.get(f"http://127.0.0.1:{port}/readyz", timeout=30)
    assert ready.status_code == 503
    assert "no space left" in ready.json()["checks"]["disk"]
    assert [child.process.poll() for child in (worker, beat, server)] == [None] * 3
    assert "action=connection.refreshed" not in worker.log, "nothing is called a success before it is stored"
    worker.process.kill()  # the spool is the only copy now, until a process starts or tries again
    disk.free()
    wait_until(lambda: ask_for_token(port, key, other).status_code == 200, what="a web process that works again")
    replacement = scene.crew.start(*WORKER, times=SOON)
    wait_until(lambda: "written=True" in replacement.log + beat.log + server.log, what="a replayed spool")
    assert scene.server.knows(ask_for_token(port, key, scene.connection).json()["access_token"])
    assert len(scene.server.journal.refreshes) == 1
    scene.server.journal.check()
    assert (beat.process.poll(), replacement.process.poll()) == (None, None)
    assert not list((disk.seen / "spool").glob("*.json"))


@on_one_database
@pytest.mark.parametrize("reserved", [True, False])
def test_without_any_space_the_answer_stays_in_memory_and_is_committed_later(
    scene: Scene, disk: Disk, reserved: bool
) -> None:
    scene.rotate("strict")
    scene.expire()
    gate = scene.server.answer_gate = Gate()
    loop = scene.crew.start("manage.py", "refresh_due", "--loop", "--every", "0.2", at="before_commit=fail", times=SOON)
    assert gate.arrived.wait(60), loop.log
    if not reserved:
        (disk.seen / "spool" / ".reserve").unlink()
    disk.fill()
    gate.open()
    kept = "in the spool" if reserved else "in memory"
    wait_until(lambda: f"new tokens are {kept}" in loop.log, what=f"tokens {kept}")
    stored = list((disk.seen / "spool").glob("*.json"))
    assert [bool(json.loads(path.read_text())) for path in stored] == ([True] if reserved else [])
    other = scene.crew.start("manage.py", "refresh_due", times=SOON)
    assert other.ended() == 0, "another process of this host"
    assert loop.process.poll() is None
    loop.go_on("before_commit")
    wait_until(lambda: scene.row.version == 2, what="the tokens in the database")
    assert "token" in scene.read()
    assert len(scene.server.journal.refreshes) == 1
    scene.server.journal.check()
