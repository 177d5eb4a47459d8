"""Running products for all end-to-end tests of a kind: starting one takes longer than most tests.

What shares a product shares an xdist group, so that each product is started once.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.inside import Inside, inside
from tests.e2e.redis_server import RedisServer, redis_server
from tests.processes import Product, running_product
from tests.sandbox.server import Sandbox
from tests.services import postgresql_is_missing

# Long enough that nothing expires by itself: tests set the clock of a row back instead of waiting.
LONG = 900
# For `stage`: each runs on both kinds of product, where the machine has what the second one needs.
EVERYWHERE = [
    pytest.param("on_sqlite", id="sqlite", marks=pytest.mark.xdist_group("e2e_sqlite")),
    pytest.param(
        "on_postgresql",
        id="postgresql",
        marks=[
            pytest.mark.needs_postgresql,
            pytest.mark.needs_redis,
            pytest.mark.xdist_group("e2e_postgresql"),
        ],
    ),
]


@dataclass
class Stage:
    """A product with two web processes and its sandbox; worker and beat run where a test starts them."""

    product: Product
    inside: Inside
    redis: RedisServer | None = None

    @property
    def sandbox(self) -> Sandbox:
        assert self.product.sandbox is not None
        return self.product.sandbox


@pytest.fixture(scope="session")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("sqlite")
    with (
        running_product(folder, web=2, worker=False, beat=False, sandbox=True, access_token_seconds=LONG) as product,
        inside(product) as look,
    ):
        yield Stage(product, look)


@pytest.fixture(scope="session")
def on_postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """PostgreSQL, and a Redis of its own, which may be stopped."""
    leave_out = pytest.fail if os.environ.get("CI") else pytest.skip
    if reason := postgresql_is_missing():
        leave_out(f"PostgreSQL is left out: {reason}")
    if shutil.which("redis-server") is None:
        leave_out("Redis is left out: there is no redis-server on the PATH to start and stop")
    folder = tmp_path_factory.mktemp("postgresql")
    with (
        redis_server() as redis,
        running_product(
            folder,
            database="postgresql",
            web=2,
            worker=False,
            beat=False,
            sandbox=True,
            access_token_seconds=LONG,
            env={"REDIS_URL": redis.url},
        ) as product,
        inside(product) as look,
    ):
        yield Stage(product, look, redis)


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Stage:
    """The product that the test's parameter names."""
    found: Stage = request.getfixturevalue(request.param)
    return found
