"""Rate limits of the API."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from apps.teams import throttling
from apps.teams.call_counter import CallCounter
from apps.teams.models import Membership, Role
from tests.factories import client_for, make_key, make_member

pytestmark = pytest.mark.django_db
ME = "/api/v1/me/"


@pytest.fixture(autouse=True)
def limits(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.API_RATES = {"default": 3, "token": 1, "failed": 2}
    monkeypatch.setattr(throttling.time, "time", lambda: 1_000_000_000.0)  # so that no minute ends during a test
    monkeypatch.setattr(throttling, "_counter", CallCounter())
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def owner() -> Membership:
    return make_member(role=Role.OWNER)


def call(key: str, path: str = ME, method: str = "GET", **more: Any) -> Any:
    return Client().generic(method, path, headers={"Authorization": f"Bearer {key}"}, **more)


def test_responses_have_rate_limit_headers_and_refusals_retry_after(owner: Membership) -> None:
    _, key = make_key(owner)
    answers = [call(key) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"default";q=3;w=60'
    assert [re.findall(r'^"default";r=(\d);t=\d+$', answer.headers["RateLimit"])[0] for answer in answers] == list(
        "2100"
    )
    refused = answers[3]
    assert refused.json()["code"] == "rate_limited"
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60


def test_each_key_and_each_member_is_counted_separately(owner: Membership) -> None:
    _, one = make_key(owner)
    _, other = make_key(owner)
    while call(one).status_code == 200:
        pass
    assert call(other).status_code == 200
    browser = client_for(owner)
    assert [browser.get(ME).status_code for _ in range(4)] == [200, 200, 200, 429]


def test_token_calls_have_their_own_limit(owner: Membership) -> None:
    _, key = make_key(owner)
    path = "/api/v1/connections/00000000-0000-4000-8000-000000000000/token/"
    assert [call(key, path, "POST").status_code for _ in range(2)] == [404, 429]
    assert call(key).status_code == 200


def test_a_limit_of_zero_is_no_limit(owner: Membership, settings: Any) -> None:
    settings.API_RATES = {"default": 0, "token": 0, "failed": 0}
    _, key = make_key(owner)
    answers = [call(key) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit" not in answers[0].headers


def test_wrong_keys_from_one_address_are_refused_before_they_are_looked_up(
    owner: Membership, django_assert_num_queries: Any
) -> None:
    _, key = make_key(owner)
    wrong = key[:-4] + "0000"
    assert [call(wrong).status_code for _ in range(2)] == [401, 401]
    with django_assert_num_queries(0):
        refused = call(key)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert call(key, REMOTE_ADDR="198.51.100.7").status_code == 200


def test_without_a_cache_the_api_goes_on(
    owner: Membership, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*args: Any, **kwargs: Any) -> bool:
        raise ConnectionError("the cache is away")

    for method in ("add", "get", "incr"):
        monkeypatch.setattr(cache, method, away)
    _, key = make_key(owner)
    assert {call(key).status_code for _ in range(5)} == {200}
    assert "calls are not counted" in caplog.text
