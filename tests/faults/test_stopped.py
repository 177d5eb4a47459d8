"""Processes that are stopped past a deadline or their lease and then go on: they take what has arrived meanwhile."""

import signal
import time

import pytest
from django.db import connection as database

from tests.authserver.server import Gate
from tests.faults.conftest import Scene
from tests.faults.processes import Child, wait_until
from tests.fixtures.connections import actions, let_lease_run_out, make_due


def stop(scene: Scene, point: str, **times: float) -> Child:
    if point == "before_commit":
        scene.commit_in_transaction()
    child = scene.refresher(at=f"{point}=stop", times=times)
    child.stopped()
    assert scene.row.unresolved_sends == 1
    return child


def go_on(child: Child) -> None:
    child.signal(signal.SIGCONT)
    child.result()


@pytest.mark.parametrize("point", ["after_answer", "before_commit"])
def test_a_late_response_is_stored_if_the_version_is_unchanged(scene: Scene, point: str) -> None:
    if point == "before_commit" and database.vendor == "sqlite":
        pytest.skip("on SQLite no other process can write, and so no lease ends, while a transaction is stopped")
    scene.rotate("strict")
    scene.expire()
    late = stop(scene, point)
    if point == "after_answer":
        let_lease_run_out(scene.connection)
    go_on(late)
    assert (scene.row.version, scene.row.unresolved_sends, scene.status()) == (2, 0, ("active", ""))
    assert "token" in scene.read()
    scene.server.journal.check()
    scene.look_for_secrets()


def test_a_late_response_is_discarded_after_another_refresh(scene: Scene) -> None:
    scene.rotate("grace")
    scene.expire()
    late = stop(scene, "after_answer")
    scene.refresh()
    assert scene.row.version == 2
    current = scene.read()
    go_on(late)
    assert scene.read()["token"] == current["token"], "the late one changed nothing"
    assert scene.row.version == 2
    assert actions("connection.refreshed", "connection.refresh_fenced") == [
        "connection.refreshed",
        "connection.refresh_fenced",
    ]
    assert scene.server.journal.revoked == []
    assert not any(call.family_revoked for call in scene.server.journal.calls)


def test_who_was_stopped_before_sending_does_not_send_any_more(scene: Scene) -> None:
    scene.rotate("strict")
    scene.expire()
    late = stop(scene, "before_send", CLAIM_TO_SEND=2)
    scene.refresh()
    time.sleep(2)
    assert scene.row.version == 2
    go_on(late)
    scene.server.journal.check()
    assert len(scene.server.journal.refreshes) == 1, "it held a refresh token that was used up by then"
    assert (scene.row.version, scene.row.unresolved_sends, scene.status()) == (2, 0, ("active", ""))
    assert "token" in scene.read()


def test_a_process_stopped_before_sending_leaves_no_unresolved_send(scene: Scene) -> None:
    scene.rotate("strict")
    scene.expire()
    late = stop(scene, "before_send", CLAIM_TO_SEND=2)
    time.sleep(2)
    go_on(late)
    row = scene.row
    assert (row.version, row.unresolved_sends, row.sent_at, row.lease_until) == (1, 0, None, None)
    make_due(scene.connection)
    assert "token" in scene.read()
    scene.server.journal.check()


@pytest.mark.parametrize("kind", ["refresher", "reader"])
def test_a_response_that_arrived_while_the_process_was_stopped_past_its_deadline_is_stored(
    scene: Scene, kind: str
) -> None:
    scene.rotate("strict")
    scene.expire()
    gate = scene.server.gate = Gate()
    late: Child = getattr(scene, kind)(times={"CALL_DEADLINE": 2})
    assert gate.arrived.wait(60), late.log
    late.signal(signal.SIGSTOP)
    late.stopped()
    gate.open()
    wait_until(lambda: scene.server.journal.refreshes, what="the service's response")
    time.sleep(2)  # the deadline is over
    go_on(late)
    assert (scene.row.version, scene.row.unresolved_sends, scene.status()) == (2, 0, ("active", ""))
    assert "token" in scene.read()
    assert len(scene.server.journal.refreshes) == 1
    scene.server.journal.check()
