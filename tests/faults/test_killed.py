"""Processes killed in the middle of a refresh: the next one sees what may have happened, and never makes a loop."""

from datetime import timedelta

import pytest

from apps.connections.models import TokenSet
from apps.sql import Now
from tests.faults.conftest import Scene
from tests.fixtures.connections import actions, expire, let_lease_run_out, make_due

ROTATIONS = ["none", "grace", "strict"]
ANSWERED = ["after_answer", "before_commit"]
# Only the process that was killed had the answer, and the service accepts the used token no more.
loses_a_token = pytest.mark.loses_a_token


def kill(scene: Scene, point: str) -> None:
    if point == "before_commit":
        scene.commit_in_transaction()
    child = scene.refresher(at=f"{point}=kill")
    child.killed()
    row = scene.row
    assert (row.version, row.unresolved_sends) == (1, 1), "the mark is stored, and nothing else"
    assert row.sent_token_fp


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_killed_before_sending_the_next_one_refreshes(scene: Scene, rotation: str) -> None:
    scene.rotate(rotation)
    scene.expire()
    kill(scene, "before_send")
    scene.refresh()
    row = scene.row
    assert (row.version, row.unresolved_sends, scene.status()) == (2, 0, ("active", ""))
    assert len(scene.server.arrivals) == 2, "the exchange and one refresh"
    assert "token" in scene.read()
    scene.server.journal.check()
    scene.look_for_secrets()


@pytest.mark.parametrize("point", ANSWERED)
@pytest.mark.parametrize("rotation", ["none", "grace"])
def test_killed_after_the_answer_one_retry_heals_where_the_service_allows_it(
    scene: Scene, rotation: str, point: str
) -> None:
    scene.rotate(rotation)
    scene.expire()
    kill(scene, point)
    scene.refresh()
    assert (scene.row.version, scene.status()) == (2, ("active", ""))
    assert scene.uses_accepted() == 2, "the one whose answer was lost, and one retry"
    assert "token" in scene.read()
    assert scene.uses_accepted() == 2
    assert not any(call.family_revoked for call in scene.server.journal.calls)
    scene.look_for_secrets()


@loses_a_token
@pytest.mark.parametrize("point", ANSWERED)
def test_killed_after_a_strict_services_answer_it_is_tried_once_then_needs_attention(scene: Scene, point: str) -> None:
    scene.rotate("strict")
    scene.expire()
    kill(scene, point)
    scene.refresh()
    assert scene.status() == ("needs_attention", "outcome_unknown")
    row = scene.row
    assert (row.version, row.next_refresh_at, row.refresh_token is None) == (1, None, False)
    calls = len(scene.server.arrivals)
    assert scene.read()["error"] == "reauthorization_required"
    scene.refresh()
    assert len(scene.server.arrivals) == calls == 3, "the exchange, the one that was lost, one try: never a loop"
    assert scene.uses_accepted() == 1
    assert actions("connection.needs_attention") == ["connection.needs_attention"]
    scene.look_for_secrets()


@loses_a_token
def test_killed_after_the_answer_of_a_strict_service_the_living_token_is_used_up_first(scene: Scene) -> None:
    scene.rotate("strict")
    expire(scene.connection, ago=-600)
    make_due(scene.connection)
    kill(scene, "after_answer")
    for _ in range(2):
        scene.refresh()
        assert "token" in scene.read()
    assert len(scene.server.arrivals) == 2, "while the access token lives, the doubtful refresh token is left alone"
    row = scene.row
    assert row.expires_at is not None
    assert row.next_refresh_at == row.expires_at - timedelta(seconds=5)
    assert scene.status() == ("active", "")


@pytest.mark.parametrize("point", ["before_send", *ANSWERED])
def test_a_reader_does_not_wait_for_the_dead_longer_than_the_lease(scene: Scene, point: str) -> None:
    scene.rotate("grace")
    scene.expire()
    scene.reader(at=f"{point}=kill", times={"LEASE": 2}).killed()
    assert "token" in scene.read(), "the second reader waited for the lease to run out, and refreshed"
    assert scene.row.version == 2


def test_killed_before_anything_was_marked_costs_nothing_but_the_lease(scene: Scene) -> None:
    scene.rotate("strict")
    scene.expire()
    TokenSet.objects.update(
        lease_token="00000000-0000-0000-0000-000000000001", lease_until=Now() + timedelta(seconds=45)
    )
    scene.refresher().result()
    assert scene.server.journal.refreshes == [], "the lease of the dead is respected until it runs out"
    let_lease_run_out(scene.connection)
    assert "token" in scene.read()
    scene.server.journal.check()
