"""Hosts whose clocks are ten minutes apart: scheduled tasks go on, and no valid token counts as expired."""

from pathlib import Path

import pytest
from django.db import connection as database

from tests.faults.conftest import Scene
from tests.faults.processes import wait_until
from tests.faults.test_queue import CELERY, LOUD, WORKER
from tests.fixtures.connections import expire

TEN_MINUTES = 600
CLOCK = str(Path(__file__).parent / "clock")

pytestmark = pytest.mark.skipif(database.vendor != "postgresql", reason="SQLite's clock is that of the only host")


def clock(ahead: int) -> dict[str, str]:
    return {"PYTHONPATH": CLOCK, "FAULT_CLOCK": str(ahead)}


@pytest.mark.parametrize("ahead", [TEN_MINUTES, -TEN_MINUTES])
def test_scheduled_refreshes_go_on_while_the_clocks_of_worker_and_beat_are_apart(scene: Scene, ahead: int) -> None:
    scene.rotate("strict")
    scene.expire()
    worker = scene.crew.start(*WORKER, **clock(ahead))
    beat = scene.crew.start(*CELERY, "beat", "--pidfile=", *LOUD, **clock(-ahead))
    wait_until(lambda: scene.row.version == 2, what="a scheduled refresh", seconds=60)
    assert (scene.status(), len(scene.server.journal.refreshes)) == (("active", ""), 1)
    assert (worker.process.poll(), beat.process.poll()) == (None, None)
    scene.server.journal.check()


@pytest.mark.parametrize("ahead", [TEN_MINUTES, -TEN_MINUTES])
def test_a_reader_with_another_clock_gets_a_token_and_its_true_remaining_life(scene: Scene, ahead: int) -> None:
    scene.rotate("strict")
    expire(scene.connection, ago=-300)
    served = scene.reader(**clock(ahead)).result()
    assert scene.server.knows(served["token"])
    assert 0 < served["ttl"] <= 300
    assert scene.server.journal.refreshes == [], "it lives for five minutes more, by the database's clock"
    scene.expire()
    refreshed = scene.reader(**clock(ahead)).result()
    assert scene.server.knows(refreshed["token"])
    assert 3000 < refreshed["ttl"] <= 3600
    assert len(scene.server.journal.refreshes) == 1
    scene.server.journal.check()
