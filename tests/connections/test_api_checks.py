"""`check/`: a real call through one connection or several, by API."""

from uuid import uuid4

import pytest

from apps.connections.api import checks
from apps.connections.models import Connection
from apps.teams.models import ApiKey
from tests.authserver import AuthServer
from tests.connections.test_api import caller, share
from tests.factories import make_member
from tests.fixtures.connections import Cast, ConnectFlow, actions

pytestmark = pytest.mark.django_db


def test_a_check_reports_what_the_service_says(connection: Connection, cast: Cast) -> None:
    response = caller(cast.member).post(f"/api/v1/connections/{connection.pk}/check/")
    assert response.status_code == 200, response.content
    body = response.json()
    assert body["outcome"] in ("works", "nothing_to_call")
    assert body["connection"]["id"] == str(connection.pk)
    assert actions("connection.checked") == ["connection.checked"]


def test_only_those_who_may_use_it_check_a_connection(connection: Connection, cast: Cast) -> None:
    path = f"/api/v1/connections/{connection.pk}/check/"
    service = caller(cast.admin, ApiKey.Kind.SERVICE)
    assert service.post(path).status_code == 404
    assert caller(make_member(cast.team)).post(path).status_code == 404
    share(connection)
    assert service.post(path).status_code == 200
    narrow = caller(cast.admin, ApiKey.Kind.SERVICE, scopes=["connections:read"])
    assert narrow.post(path).status_code == 403
    assert caller(cast.stranger).post(path).status_code == 404


def test_each_of_several_has_an_outcome_of_its_own(
    server: AuthServer, connect_flow: ConnectFlow, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = connect_flow.connect(cast.actor("member"))
    unknown = uuid4()
    body = {"connections": [str(first.pk), str(unknown), str(first.pk)]}
    mine = caller(cast.member)
    results = mine.post("/api/v1/connections/check/", body).json()["results"]
    assert [item["connection"] for item in results] == [str(first.pk), str(unknown)]
    assert results[0]["check"]["connection"]["id"] == str(first.pk)
    assert results[1]["error"]["code"] == "not_found"
    monkeypatch.setattr(checks, "BUDGET", -1.0)
    late = mine.post("/api/v1/connections/check/", {"connections": [str(first.pk)]}).json()["results"]
    assert late[0]["error"]["code"] == "not_checked"
    assert mine.post("/api/v1/connections/check/", {"connections": []}).status_code == 400
