"""`GET usage/`, and calls that we refuse."""

import pytest
from django.utils import timezone

from apps.connections.models import Connection, DailyUse
from apps.sql import Now
from tests.connections.test_api import caller
from tests.fixtures.connections import Cast
from tests.gateway.test_proxy import proxied

pytestmark = pytest.mark.django_db


def test_the_api_adds_up_what_the_caller_can_see(cast: Cast, connection: Connection) -> None:
    today = timezone.now().date()
    foreign = Connection.objects.create(
        team=cast.team,
        owner=cast.admin.user,
        integration=connection.integration,
        name="Another's",
        status_changed_at=Now(),
        created_at=Now(),
    )
    for of, calls in ((connection, 5), (foreign, 7)):
        DailyUse.objects.create(connection=of, day=today, calls=calls, failures=1, refused=2)
    mine = caller(cast.member).get("/api/v1/usage/?days=2").json()
    assert (mine["calls"], mine["failures"], mine["refused"], mine["connections"]) == (5, 1, 2, 1)
    assert [day["calls"] for day in mine["days"]] == [0, 5]
    assert {"name": "token", "quota": 300, "window": 60} in mine["limits"]
    assert caller(cast.admin).get("/api/v1/usage/").json()["calls"] == 12
    assert caller(cast.stranger).get("/api/v1/usage/").json()["calls"] == 0


def test_tokens_and_calls_that_we_refuse_are_counted_apart(cast: Cast, connection: Connection) -> None:
    who = caller(cast.member)
    assert who.post(f"/api/v1/connections/{connection.pk}/token/", {"scopes": ["admin"]}).status_code == 409
    refused = proxied(who, connection, headers={"Specway-Scopes": "admin"})
    assert (refused.status_code, refused["Specway-Error"]) == (409, "missing_scopes")
    usage = who.get(f"/api/v1/connections/{connection.pk}/usage/?days=1").json()
    assert (usage["calls"], usage["failures"], usage["refused"]) == (0, 0, 2)
