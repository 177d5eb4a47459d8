"""The API's limit with two web servers and a real Redis: one count, told rightly, no trap without Redis."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from config.cache import AWAY_SECONDS
from tests.e2e.inside import inside
from tests.e2e.redis_server import RedisServer, redis_server
from tests.processes import Product, running_product

pytestmark = [pytest.mark.needs_redis, pytest.mark.xdist_group("e2e_rates")]
QUOTA = 12
MAKE_KEYS = """
from apps.teams import keys
from apps.teams.models import ApiKey, Membership
owner = Membership.objects.select_related("team", "user").get(user__email="owner@specway.example")
answer = []
for _ in range(2):
    text = keys.mint()
    ApiKey.objects.create(
        team=owner.team, user=owner.user, kind="personal", name="e2e", prefix=text.prefix,
        secret_hash=keys.hash_secret(text.secret), scopes=["connections:read"],
    )
    answer.append(text.reveal())
"""


@dataclass
class Place:
    product: Product
    redis: RedisServer
    key: str
    other_key: str

    def call(self, server: int, key: str = "") -> requests.Response:
        """From a connection of its own each time, at the first or the second web server."""
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return requests.get(f"{self.product.urls[server % 2]}/api/v1/me/", headers=headers, timeout=60)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with redis_server() as server:
        env = {"REDIS_URL": server.url, "API_CALLS_PER_MINUTE": str(QUOTA), "LOG_LEVEL": "INFO"}
        with (
            running_product(tmp_path, web=2, worker=False, beat=False, env=env) as product,
            inside(product) as look,
        ):
            yield Place(product, server, *look.run(MAKE_KEYS))


def standing(answer: requests.Response) -> tuple[int, int]:
    """What is left, and the seconds until the next minute of counting."""
    found = re.fullmatch(r'"default";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
    assert found, answer.headers["RateLimit"]
    return int(found[1]), int(found[2])


def begin_a_minute(place: Place) -> None:
    """None ends in the middle of what follows."""
    _, seconds = standing(place.call(0, place.other_key))
    if seconds < 30:
        time.sleep(seconds + 1)


def test_the_limit_counts_across_web_servers_and_says_truly_when_calls_are_let_in_again(place: Place) -> None:
    begin_a_minute(place)
    answers = [place.call(number) for number in range(QUOTA)]
    assert [answer.status_code for answer in answers] == [200] * QUOTA
    assert [standing(answer)[0] for answer in answers] == list(reversed(range(QUOTA)))
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {f'"default";q={QUOTA};w=60'}

    for number in range(4):
        refused = place.call(number)
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        left, seconds = standing(refused)
        assert left == 0
        assert 0 < seconds <= 60
        assert abs(int(refused.headers["Retry-After"]) - seconds) <= 1  # a second may pass between the two
    assert place.call(0, place.other_key).status_code == 200

    time.sleep(int(refused.headers["Retry-After"]) + 1)
    again = place.call(1)
    assert again.status_code == 200
    assert standing(again)[0] == QUOTA - 1


def test_without_redis_calls_go_on_and_are_counted_again_once_it_is_back(place: Place) -> None:
    begin_a_minute(place)
    assert [place.call(number).status_code for number in range(QUOTA + 1)] == [200] * QUOTA + [429]
    place.redis.kill()
    # The other key has calls left: whatever is counted where, each of them is answered.
    without = [place.call(number, place.other_key) for number in range(4)]
    assert [answer.status_code for answer in without] == [200] * 4
    place.redis.start()
    time.sleep(AWAY_SECONDS + 1)
    back = [standing(place.call(number, place.other_key))[0] for number in range(7)]
    # Once both have told what they counted meanwhile, there is one count again: no two calls find the same number left.
    assert len(set(back[-3:])) == 3
