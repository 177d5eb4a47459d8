"""The API's rate limit with two web servers and a real Redis: one count for both, and no refusals without Redis."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.e2e.apps import FileClock
from tests.e2e.inside import inside
from tests.e2e.processes import wait_for
from tests.e2e.redis_server import RedisServer, redis_server
from tests.processes import Product, running_product

pytestmark = [pytest.mark.needs_redis, pytest.mark.xdist_group("e2e_rates")]
QUOTA = 12
MAKE_KEYS = """
from apps.teams import keys
from apps.teams.models import ApiKey, Membership
answer = []
for email in ("owner@specway.example", "member@specway.example"):
    person = Membership.objects.select_related("team", "user").get(user__email=email)
    text = keys.generate()
    ApiKey.objects.create(
        team=person.team, user=person.user, kind="personal", name="e2e", prefix=text.prefix,
        secret_hash=keys.hash_secret(text.secret), scopes=["connections:read"],
    )
    answer.append(text.reveal())
"""


@dataclass
class LimitedApi:
    product: Product
    redis: RedisServer
    clock: FileClock
    key: str
    other_key: str

    def call(self, server: int, key: str = "") -> requests.Response:
        """On a new connection each time, to the first or the second web server."""
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return requests.get(f"{self.product.urls[server % 2]}/api/v1/me/", headers=headers, timeout=60)

    def left(self, calls: int, key: str = "") -> list[int]:
        """How many calls each of that many says are left, to both servers in turn."""
        return [limit(self.call(number, key))[0] for number in range(calls)]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LimitedApi]:
    folder: Path = tmp_path_factory.mktemp("rates")
    clock = FileClock(folder / "clock")
    clock.set(time.time())
    env = {"API_CALLS_PER_MINUTE": str(QUOTA), "LOG_LEVEL": "INFO"}
    env |= {"DJANGO_SETTINGS_MODULE": "tests.e2e.settings", "CLOCK_FILE": str(clock.file)}
    with (
        redis_server() as server,
        running_product(folder, web=2, worker=False, beat=False, env=env | {"REDIS_URL": server.url}) as product,
        inside(product) as look,
    ):
        yield LimitedApi(product, server, clock, *look.run(MAKE_KEYS))


@pytest.fixture
def api(started: LimitedApi) -> LimitedApi:
    """In a minute in which nothing was called yet, and which lasts as long as the test does."""
    next_minute(started.clock)
    return started


def next_minute(clock: FileClock) -> None:
    clock.set((clock.time() // 60 + 1) * 60)


def limit(answer: requests.Response) -> tuple[int, int]:
    """The calls that are left, and the seconds until the next minute."""
    found = re.fullmatch(r'"default";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
    assert found, answer.headers["RateLimit"]
    return int(found[1]), int(found[2])


def test_both_servers_count_together_and_allow_calls_again_when_they_said(api: LimitedApi) -> None:
    answers = [api.call(number) for number in range(QUOTA)]
    assert [answer.status_code for answer in answers] == [200] * QUOTA
    assert [limit(answer)[0] for answer in answers] == list(reversed(range(QUOTA)))
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {f'"default";q={QUOTA};w=60'}

    api.clock.set(api.clock.time() + 20)
    for number in range(4):
        refused = api.call(number)
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert limit(refused) == (0, 40)
        assert refused.headers["Retry-After"] == "40"
    assert api.call(0, api.other_key).status_code == 200

    api.clock.set(api.clock.time() + 39)
    assert api.call(1).status_code == 429
    api.clock.set(api.clock.time() + 1)
    again = api.call(1)
    assert again.status_code == 200
    assert limit(again)[0] == QUOTA - 1


def test_calls_are_answered_without_redis_and_counted_together_once_it_is_back(api: LimitedApi) -> None:
    assert [api.call(number).status_code for number in range(QUOTA + 1)] == [200] * QUOTA + [429]
    api.redis.kill()
    # Another member has calls left: each of them is answered, whichever process counts it.
    without = [api.call(number, api.other_key) for number in range(4)]
    assert [answer.status_code for answer in without] == [200] * 4
    api.redis.start()

    def together() -> bool:
        next_minute(api.clock)
        return api.left(4, api.other_key) == [QUOTA - number for number in range(1, 5)]

    wait_for(together, seconds=60, why=api.product.logs)
