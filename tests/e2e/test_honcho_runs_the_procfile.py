"""The Procfile, as any runner starts it: one process each, on PostgreSQL and Redis by two environment variables."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tests.e2e.cast import is_accepted, newcomer, refreshes_of
from tests.e2e.inside import inside
from tests.e2e.processes import wait_for
from tests.processes import Product, running_product

LINES = ("web", "worker", "beat", "release")


@contextlib.contextmanager
def honcho(product: Product, tmp_path: Path) -> Iterator[psutil.Process]:
    """`honcho start`, answering; whatever it started is gone after the block, also if a test fails."""
    # The developer's own .env is not read.
    line = f"exec honcho -e '{tmp_path / 'no.env'}' start --no-colour"
    own = {"PORT": product.url.rpartition(":")[2], "PYTHONUNBUFFERED": "1", "WEB_CONCURRENCY": "1"}
    product.start("honcho", line, **own)
    started: list[psutil.Process] = []
    runner = psutil.Process(product.processes["honcho"].pid)
    try:
        wait_for(lambda: answers(product), seconds=90, why=product.logs)
        started = runner.children(recursive=True)
        yield runner
    finally:
        for process in started or runner.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def answers(product: Product) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{product.url}/accounts/login/", timeout=10).status_code == 200
    return False


@pytest.mark.needs_postgresql
@pytest.mark.needs_redis
@pytest.mark.xdist_group("e2e_honcho")
def test_honcho_runs_web_worker_and_beat_and_ctrl_c_ends_them_all(tmp_path: Path) -> None:
    with running_product(
        tmp_path,
        database="postgresql",
        broker="redis",
        web=0,
        worker=False,
        beat=False,
        sandbox=True,
        access_token_seconds=12,
    ) as product:
        sandbox = product.sandbox
        assert sandbox is not None
        with honcho(product, tmp_path) as runner, inside(product) as look:
            log = product.logs()
            assert {line: log.count(f"{line}.1 started") for line in LINES} == dict.fromkeys(LINES, 1), log
            product.wait_for_log("The release step is done.")
            visitor = newcomer(product, look)
            connection, grant = visitor.connect()
            wait_for(lambda: look.token_set(connection)["version"] >= 2, seconds=90, why=product.logs)
            assert is_accepted(sandbox, visitor.make_key().token(connection).json()["access_token"])
            assert set(refreshes_of(sandbox, grant)) == {"ok"}
            children = runner.children(recursive=True)
            assert len(children) >= len(LINES)
            product.signal("honcho", signal.SIGINT)
            _, alive = psutil.wait_procs([runner, *children], timeout=40)
            assert alive == [], product.logs()[-3000:]
