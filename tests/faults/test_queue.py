"""The queue carries hints only: workers, schedulers and Redis may stop, come back empty or run twice."""

import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis

from apps.connections.models import TokenSet
from apps.sql import Now
from tests.faults.conftest import Scene
from tests.faults.processes import Child, wait_until
from tests.faults.redis import start_redis
from tests.fixtures.connections import ConnectFlow
from tests.processes import free_port

# For tests of the queue, of Redis, or of the spool alone.
on_one_database = pytest.mark.same_on_each_database
LOUD = ["--loglevel", "INFO"]
CELERY = ["-m", "celery", "-q", "-A", "config"]
WORKER = [*CELERY, "worker", "--pool", "threads", "--concurrency", "4", "--without-gossip", "--without-mingle", *LOUD]
DISPATCH = "from apps.connections import tasks; tasks.refresh_due()"
# A refresh whose worker is gone is dispatched again after six seconds, longer than one run of the scheduler.
SHORT = {"DISPATCH_LEASE": 6, "LEASE": 2, "CLAIM_TO_SEND": 2}


@dataclass
class OwnRedis:
    folder: Path
    port: int
    processes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port)

    def start(self) -> None:
        self.processes.append(start_redis(self.folder, self.port))

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    mine = OwnRedis(tmp_path, free_port())
    mine.start()
    yield mine
    mine.stop()


def worker(scene: Scene, at: str = "") -> Child:
    return scene.crew.start(*WORKER, at=at, times=SHORT)


def beat(scene: Scene) -> Child:
    schedule = str(scene.crew.folder / f"beat-{len(scene.crew.children)}")
    return scene.crew.start(*CELERY, "beat", "--pidfile=", "-s", schedule, *LOUD)


def dispatch(scene: Scene) -> None:
    """What the beat's task does."""
    assert scene.crew.start("manage.py", "shell", "-v", "0", "-c", DISPATCH, times=SHORT).ended() == 0


def all_due(scene: Scene, connect_flow: ConnectFlow, count: int) -> None:
    for number in range(1, count):
        connect_flow.connect(scene.cast.actor("member"), subject=f"person-{number}")
    scene.rotate("strict")
    TokenSet.objects.update(next_refresh_at=Now())


def versions() -> set[int]:
    return set(TokenSet.objects.values_list("version", flat=True))


@pytest.mark.needs_redis_server
@on_one_database
def test_token_reads_go_on_without_redis_and_workers(scene: Scene, own_redis: OwnRedis) -> None:
    scene.crew.env["REDIS_URL"] = own_redis.url
    own_redis.stop()
    scene.rotate("strict")
    assert scene.server.knows(scene.reader().result()["token"])
    assert scene.server.journal.refreshes == []
    scene.expire()
    assert scene.server.knows(scene.reader().result()["token"])
    assert len(scene.server.journal.refreshes) == 1
    scene.server.journal.check()


@pytest.mark.needs_redis_server
@on_one_database
def test_a_flushed_queue_changes_nothing_but_timing(
    scene: Scene, connect_flow: ConnectFlow, own_redis: OwnRedis
) -> None:
    scene.crew.env["REDIS_URL"] = own_redis.url
    all_due(scene, connect_flow, 3)
    dispatch(scene)
    waiting = own_redis.client.llen("specway:celery")
    assert waiting == 3
    own_redis.client.flushall()
    worker(scene)
    beat(scene)
    wait_until(lambda: versions() == {2}, what="refreshes after the queue was emptied", seconds=60)
    assert len(scene.server.journal.refreshes) == 3
    scene.server.journal.check()


@pytest.mark.needs_redis_server
@on_one_database
def test_a_redis_that_comes_back_empty_is_used_again(scene: Scene, own_redis: OwnRedis) -> None:
    scene.crew.env["REDIS_URL"] = own_redis.url
    scene.rotate("strict")
    works = worker(scene)
    wait_until(lambda: " ready." in works.log, what="a worker")
    own_redis.stop()
    scene.expire()
    assert scene.server.knows(scene.reader().result()["token"])
    own_redis.start()
    TokenSet.objects.update(next_refresh_at=Now())
    dispatch(scene)
    wait_until(lambda: versions() == {3}, what="a refresh by the worker that lost its Redis", seconds=60)
    scene.server.journal.check()


def test_two_schedulers_refresh_everything_once(scene: Scene, connect_flow: ConnectFlow) -> None:
    all_due(scene, connect_flow, 6)
    worker(scene)
    schedulers = [beat(scene), beat(scene)]
    wait_until(lambda: versions() == {2}, what="refreshes", seconds=60)
    wait_until(
        lambda: all(b.log.count("connections.refresh_due") >= 2 for b in schedulers),
        what="two runs of both schedulers",
        seconds=60,
    )
    assert versions() == {2}
    assert len(scene.server.journal.refreshes) == 6
    scene.server.journal.check()


@on_one_database
def test_a_killed_worker_is_made_up_for_by_the_next(scene: Scene) -> None:
    scene.rotate("strict")
    scene.expire()
    dispatch(scene)
    first = worker(scene, at="before_send=kill")
    first.reached("before_send")
    assert first.ended() == -signal.SIGKILL
    worker(scene)
    beat(scene)
    wait_until(lambda: versions() == {2}, what="a refresh by another worker", seconds=60)
    assert len(scene.server.journal.refreshes) == 1
    scene.server.journal.check()


@pytest.mark.parametrize("rotation", ["grace", "none"])
def test_a_refresh_whose_worker_was_killed_after_sending_is_repeated_when_its_lease_ends(
    scene: Scene, rotation: str
) -> None:
    scene.rotate(rotation)
    scene.expire()
    dispatch(scene)
    only_the_lease_is_short = {"LEASE": 3, "CLAIM_TO_SEND": 2}
    first = scene.crew.start(*WORKER, at="after_answer=kill", times=only_the_lease_is_short)
    first.reached("after_answer")
    assert first.ended() == -signal.SIGKILL
    scene.crew.start(*WORKER, times=only_the_lease_is_short)
    beat(scene)
    # A service's window for the used token may be a minute; so is the mark of a dispatch, which must not outlive this.
    marked = scene.row
    assert marked.dispatched_until == marked.lease_until
    wait_until(lambda: versions() == {2}, what="a second try", seconds=60)
    assert (scene.status(), scene.uses_accepted()) == (("active", ""), 2)
    assert not any(call.family_revoked for call in scene.server.journal.calls)
    assert "token" in scene.read()
