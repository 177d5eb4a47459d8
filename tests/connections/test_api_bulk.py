"""The REST API for many connections at once."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.utils import timezone

from apps.connections.models import Connection, TokenSet
from tests.authserver import AuthServer
from tests.connections.test_api import Caller, caller, is_problem
from tests.fixtures.connections import Cast, access_token, actions, expire


@pytest.fixture
def mine(cast: Cast) -> Caller:
    return caller(cast.member)


@pytest.mark.django_db(transaction=True)
def test_each_connection_has_an_outcome_of_its_own(connection: Connection, mine: Caller) -> None:
    unknown = str(uuid4())
    response = mine.post("/api/v1/tokens/", {"connections": [unknown, str(connection.pk)], "min_ttl": 5})
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    failed, issued = response.json()["results"]
    assert (failed["connection"], failed["token"], failed["error"]["code"]) == (unknown, None, "not_found")
    assert (issued["connection"], issued["error"]) == (str(connection.pk), None)
    assert issued["token"]["access_token"] == access_token(connection)
    assert issued["token"]["min_ttl_met"] is True
    assert len(actions("token.handed_out")) == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_rules_hold_as_for_one_token(connection: Connection, mine: Caller, cast: Cast) -> None:
    body = {"connections": [str(connection.pk)], "min_ttl": 86_400, "strict": True}
    (result,) = mine.post("/api/v1/tokens/", body).json()["results"]
    assert result["error"]["code"] == "min_ttl_not_met"
    (result,) = caller(cast.admin).post("/api/v1/tokens/", {"connections": [str(connection.pk)]}).json()["results"]
    assert (result["token"], result["error"]["code"]) == (None, "permission_denied")
    without = caller(cast.member, scopes=["connections:use"])
    assert is_problem(without.post("/api/v1/tokens/", body), 403, "insufficient_scope")


@pytest.fixture
def three_tokens(settings: Any) -> Iterator[None]:
    settings.API_RATES = settings.API_RATES | {"token": 3}
    cache.clear()
    yield
    cache.clear()


@pytest.mark.django_db(transaction=True)
def test_each_token_counts_towards_the_rate_limit(three_tokens: None, connection: Connection, mine: Caller) -> None:
    ids = [str(connection.pk), *(str(uuid4()) for _ in range(3))]
    assert is_problem(mine.post("/api/v1/tokens/", {"connections": ids}), 429, "rate_limited")
    assert actions("token.handed_out") == [], "none is recorded that the caller did not get"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["tokens/", "connections/check/"])
def test_another_key_of_a_member_has_no_limit_of_its_own(
    three_tokens: None, mine: Caller, cast: Cast, path: str
) -> None:
    body = {"connections": [str(uuid4()), str(uuid4())]}
    assert mine.post(f"/api/v1/{path}", body).status_code == 200
    assert is_problem(caller(cast.member).post(f"/api/v1/{path}", body), 429, "rate_limited")


@pytest.mark.django_db
@pytest.mark.parametrize("connections", [[], ["x"], [str(uuid4()) for _ in range(51)], None])
def test_the_number_of_connections_is_bounded(mine: Caller, connections: object) -> None:
    assert is_problem(mine.post("/api/v1/tokens/", {"connections": connections}), 400, "validation_error")


def preflight(who: Caller, connection: Connection, **item: object) -> dict[str, object]:
    body = who.post("/api/v1/preflight/", {"connections": [{"connection": str(connection.pk), **item}]}).json()
    assert body["usable"] == body["results"][0]["usable"]
    result: dict[str, object] = body["results"][0]
    return result


@pytest.mark.django_db(transaction=True)
def test_preflight_says_what_is_usable_and_what_to_do(
    connection: Connection, mine: Caller, cast: Cast, server: AuthServer
) -> None:
    good = preflight(mine, connection, scopes=connection.scopes_granted, duration=31_000_000)
    assert (good["usable"], good["usable_until"], good["code"], good["action"]) == (True, None, "", "")
    missing = preflight(mine, connection, scopes=["made:up"])
    assert (missing["code"], missing["missing_scopes"], missing["action"]) == (
        "missing_scopes",
        ["made:up"],
        "reconnect",
    )
    assert str(connection.pk) in str(missing["reconnect_url"])
    personal = preflight(caller(cast.admin), connection)
    assert (personal["usable"], personal["code"], personal["action"]) == (False, "permission_denied", "share")
    assert preflight(caller(cast.stranger), connection)["code"] == "not_found"


@pytest.mark.django_db(transaction=True)
def test_preflight_knows_when_access_ends(connection: Connection, mine: Caller) -> None:
    TokenSet.objects.update(refresh_token=None, expires_at=timezone.now() + timedelta(hours=1))
    assert preflight(mine, connection, duration=600)["usable"] is True
    late = preflight(mine, connection, duration=7_200)
    assert (late["usable"], late["code"]) == (False, "expires_too_early")
    Connection.objects.update(status="needs_attention", status_reason="reauthorization_required")
    assert preflight(mine, connection, duration=600)["usable"] is True
    expire(connection)
    assert preflight(mine, connection)["code"] == "reauthorization_required"
