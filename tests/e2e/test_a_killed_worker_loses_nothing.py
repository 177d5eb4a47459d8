"""A worker that is killed in the middle of a refresh, or right after it: no lie, no loop, and the rest goes on."""

import pytest

from tests.e2e.cast import is_accepted, newcomer, play, refreshes_of
from tests.e2e.conftest import Stage
from tests.e2e.processes import running, wait_for

QUEUE = """
from apps.connections import tasks
from apps.connections.models import TokenSet
for pk, version in TokenSet.objects.filter(connection__in=connections).values_list("pk", "version"):
    tasks.refresh_some.delay([(str(pk), version)])
"""


def refresh_by_worker(stage: Stage, connection: str) -> None:
    before = stage.inside.token_set(connection)["version"]
    stage.inside.run(QUEUE, connections=[connection])
    wait_for(lambda: stage.inside.token_set(connection)["version"] > before, seconds=60, why=stage.product.logs)


@pytest.mark.xdist_group("e2e_sqlite")
def test_a_worker_killed_during_a_token_request_leaves_the_true_status(on_sqlite: Stage) -> None:
    stage = on_sqlite
    visitor = newcomer(stage.product, stage.inside)
    connection, grant = visitor.connect(scenario="slow")
    other, other_grant = visitor.connect(account="grace")
    program = visitor.make_key()
    with running(stage.product, "worker") as kill:
        stage.inside.run(QUEUE, connections=[connection])
        wait_for(lambda: stage.inside.token_set(connection)["sent_at"], seconds=60, why=stage.product.logs)
        kill()
    # The service issued new tokens that no one received; from now on it treats the old refresh token as stolen.
    wait_for(lambda: refreshes_of(stage.sandbox, grant) == ["ok"], seconds=60)
    play(stage.sandbox, grant, "works")
    assert stage.inside.token_set(connection)["version"] == 1
    # As far as anybody here knows, the access token lives: it is used up first, and nothing is sent.
    assert program.token(connection).status_code == 200
    assert refreshes_of(stage.sandbox, grant) == ["ok"]
    stage.inside.expire(connection)
    for _ in range(3):
        refused = program.token(connection)
        assert (refused.status_code, refused.json()["code"]) == (409, "reauthorization_required")
        assert "access_token" not in refused.json()
    # One try, no loop.
    assert refreshes_of(stage.sandbox, grant) == ["ok", "invalid_grant"]
    now = stage.inside.token_set(connection)
    assert (now["status"], now["reason"]) == ("needs_attention", "outcome_unknown")
    with running(stage.product, "worker"):
        refresh_by_worker(stage, other)
    assert is_accepted(stage.sandbox, program.token(other).json()["access_token"])
    assert refreshes_of(stage.sandbox, other_grant) == ["ok"]
    flow = visitor.start_reconnect(connection)
    assert visitor.open_callback(flow.approve()).status_code == 302
    assert stage.inside.token_set(connection)["status"] == "active"
    assert is_accepted(stage.sandbox, program.token(connection).json()["access_token"])


@pytest.mark.xdist_group("e2e_sqlite")
def test_a_worker_killed_right_after_a_refresh_changes_nothing(on_sqlite: Stage) -> None:
    stage = on_sqlite
    visitor = newcomer(stage.product, stage.inside)
    connection, grant = visitor.connect()
    program = visitor.make_key()
    with running(stage.product, "worker") as kill:
        refresh_by_worker(stage, connection)
        kill()
    assert is_accepted(stage.sandbox, program.token(connection).json()["access_token"])
    with running(stage.product, "worker"):
        refresh_by_worker(stage, connection)
    assert is_accepted(stage.sandbox, program.token(connection).json()["access_token"])
    assert refreshes_of(stage.sandbox, grant) == ["ok", "ok"]
    assert stage.inside.token_set(connection)["status"] == "active"
