"""Two hosts with a spool each: while one of them keeps an answer, the other does not use up the refresh token again."""

from pathlib import Path

from tests.faults.conftest import Scene
from tests.faults.processes import Child, wait_until
from tests.faults.test_full_disk import web
from tests.faults.test_queue import on_one_database
from tests.fixtures.connections import let_lease_run_out, make_due
from tests.processes import free_port

ONE_TRY = {"COMMIT_RETRIES": 0, "LEASE": 5}


def spooled(scene: Scene, tmp_path: Path) -> Child:
    """A host whose database was away at the commit, and stays away for it. It keeps trying."""
    scene.rotate("strict")
    scene.expire()
    scene.crew.env["SPOOL_DIR"] = str(tmp_path / "one")
    loop = scene.crew.start(
        "manage.py", "refresh_due", "--loop", "--every", "0.2", at="before_commit=fail", times=ONE_TRY
    )
    wait_until(lambda: list((tmp_path / "one").glob("*.json")), what="an answer in the spool")
    return loop


def end_lease(scene: Scene) -> None:
    let_lease_run_out(scene.connection)
    type(scene.row).objects.update(dispatched_until=None)
    make_due(scene.connection)


def test_the_other_host_waits_and_the_one_that_spooled_commits_as_soon_as_it_can(scene: Scene, tmp_path: Path) -> None:
    loop = spooled(scene, tmp_path)
    end_lease(scene)
    other = scene.crew.start("manage.py", "refresh_due", SPOOL_DIR=str(tmp_path / "two"))
    assert other.ended() == 0, other.log
    reader = scene.reader(SPOOL_DIR=str(tmp_path / "two"))
    assert reader.result()["error"] == "service_unavailable"
    assert scene.status() == ("needs_attention", "service_unavailable")
    assert len(scene.server.journal.refreshes) == 1
    loop.go_on("before_commit")
    wait_until(lambda: scene.row.version == 2, what="the tokens in the database")
    assert "token" in scene.read()
    assert scene.status() == ("active", "")
    scene.server.journal.check()


@on_one_database
def test_a_web_process_replays_the_spool_of_its_host_when_it_starts(scene: Scene, tmp_path: Path) -> None:
    loop = spooled(scene, tmp_path)
    loop.process.kill()
    loop.ended()
    web(scene, free_port())
    wait_until(lambda: scene.row.version == 2, what="the tokens in the database")
    wait_until(lambda: not list((tmp_path / "one").glob("*.json")), what="an empty spool")  # after the commit
    assert len(scene.server.journal.refreshes) == 1
    scene.server.journal.check()
