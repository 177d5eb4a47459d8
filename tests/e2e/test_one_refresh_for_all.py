"""However many ask at expiry, and whatever is down: one refresh, and everybody gets its token."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.e2e.cast import Program, is_accepted, newcomer, refreshes_of
from tests.e2e.conftest import EVERYWHERE, Stage


def ask_at_once(program: Program, connection: str, *, readers: int) -> list[requests.Response]:
    """The answers to that many requests in parallel, spread over all web processes."""
    urls = program.product.urls
    with ThreadPoolExecutor(readers) as pool:
        asked = [pool.submit(program.token, connection, url=urls[n % len(urls)]) for n in range(readers)]
        return [one.result() for one in asked]


@pytest.mark.parametrize("stage", EVERYWHERE, indirect=True)
def test_fifty_readers_at_expiry_get_the_same_new_token_of_one_refresh(stage: Stage) -> None:
    visitor = newcomer(stage.product, stage.inside)
    connection, grant = visitor.connect()
    program = visitor.make_key()
    old = program.token(connection).json()["access_token"]
    assert is_accepted(stage.sandbox, old)
    stage.inside.expire(connection)
    answers = ask_at_once(program, connection, readers=50)
    assert [answer.status_code for answer in answers] == [200] * 50, [answer.text for answer in answers][:3]
    (new,) = {answer.json()["access_token"] for answer in answers}
    assert new != old
    assert is_accepted(stage.sandbox, new)
    assert refreshes_of(stage.sandbox, grant) == ["ok"]


@pytest.mark.needs_postgresql
@pytest.mark.needs_redis
@pytest.mark.xdist_group("e2e_postgresql")
def test_tokens_are_read_and_refreshed_while_redis_worker_and_beat_are_down(on_postgresql: Stage) -> None:
    stage, redis = on_postgresql, on_postgresql.redis
    assert redis is not None
    assert not {"worker", "beat"} & set(stage.product.processes)
    visitor = newcomer(stage.product, stage.inside)
    connection, grant = visitor.connect()
    program = visitor.make_key()
    redis.kill()
    try:
        before = program.token(connection)
        stage.inside.expire(connection)
        answers = ask_at_once(program, connection, readers=20)
        assert visitor.get("/settings/integrations/").status_code == 200
    finally:
        redis.start()
    assert before.status_code == 200, before.text
    assert [answer.status_code for answer in answers] == [200] * 20, [answer.text for answer in answers][:3]
    (new,) = {answer.json()["access_token"] for answer in answers}
    assert is_accepted(stage.sandbox, new)
    assert refreshes_of(stage.sandbox, grant) == ["ok"]
