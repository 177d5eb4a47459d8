"""Rate limits of the API."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from apps.teams import throttling
from apps.teams.call_counter import CallCounter
from apps.teams.models import ApiKey, Membership, Role
from tests.factories import client_for, make_key, make_member, make_team, make_user

pytestmark = pytest.mark.django_db
ME = "/api/v1/me/"


@pytest.fixture(autouse=True)
def limits(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.API_RATES = {"default": 3, "token": 1, "failed": 2, "team": 0}
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
    responses = [call(key) for _ in range(4)]
    assert [response.status_code for response in responses] == [200, 200, 200, 429]
    assert responses[0].headers["RateLimit-Policy"] == '"default";q=3;w=60'
    assert [
        re.findall(r'^"default";r=(\d);t=\d+$', response.headers["RateLimit"])[0] for response in responses
    ] == list("2100")
    refused = responses[3]
    assert refused.json()["code"] == "rate_limited"
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60


def test_further_keys_do_not_raise_a_members_limit(owner: Membership) -> None:
    keys = [make_key(owner)[1] for _ in range(4)]
    assert [call(key).status_code for key in keys] == [200, 200, 200, 429]
    assert client_for(owner).get(ME).status_code == 429
    member = make_member(owner.team, user=make_user("Kwame Boateng"))
    assert client_for(member).get(ME).status_code == 200


def test_service_keys_are_counted_separately_from_their_maker(owner: Membership) -> None:
    _, own = make_key(owner)
    service = [make_key(owner, ApiKey.Kind.SERVICE, name=name)[1] for name in ("One", "Two")]
    assert [call(own).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert [call(key).status_code for key in service] == [200, 200]


def test_token_calls_have_their_own_limit(owner: Membership) -> None:
    _, key = make_key(owner)
    path = "/api/v1/connections/00000000-0000-4000-8000-000000000000/token/"
    assert [call(key, path, "POST").status_code for _ in range(2)] == [404, 429]
    assert call(key).status_code == 200


def test_a_limit_of_zero_is_no_limit(owner: Membership, settings: Any) -> None:
    settings.API_RATES = {"default": 0, "token": 0, "failed": 0, "team": 0}
    _, key = make_key(owner)
    responses = [call(key) for _ in range(5)]
    assert {response.status_code for response in responses} == {200}
    assert "RateLimit" not in responses[0].headers


def test_invalid_keys_are_slowed_down_and_valid_keys_of_the_same_address_are_not(owner: Membership) -> None:
    _, key = make_key(owner)
    wrong = key[:-4] + "0000"
    assert [call(wrong).status_code for _ in range(4)] == [401, 401, 429, 429]
    refused = call(wrong)
    assert refused.json()["code"] == "rate_limited"
    assert int(refused.headers["Retry-After"]) > 0
    assert call(key).status_code == 200
    assert call(wrong, REMOTE_ADDR="198.51.100.7").status_code == 401


def test_a_member_of_two_teams_is_counted_in_each(owner: Membership) -> None:
    elsewhere = make_member(make_team("Elsewhere"), user=owner.user)
    _, first = make_key(owner)
    _, second = make_key(elsewhere)
    assert [call(first).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert call(second).status_code == 200


def test_further_service_keys_do_not_raise_a_teams_limit(owner: Membership, settings: Any) -> None:
    settings.API_RATES = {"default": 3, "token": 1, "failed": 2, "team": 4}
    keys = [make_key(owner, ApiKey.Kind.SERVICE, name=f"Engine {number}")[1] for number in range(5)]
    assert [call(key).status_code for key in keys] == [200, 200, 200, 200, 429]


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
