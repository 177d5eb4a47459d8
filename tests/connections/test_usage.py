"""Where a connection is used: the headers of a call, and what the API and the chart show of it."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.connections.models import Connection, DailyUse, Level, WorkflowCaller
from apps.connections.services.share import share
from apps.connections.services.usage import Day, Usage
from apps.connections.views.usage_chart import chart_of, round_up
from apps.teams.models import ApiKey, Membership, Role
from tests.connections.pages import make_connection, set_up_service
from tests.factories import actor_for, make_key, make_member, make_user


@pytest.fixture
def mara(db: None) -> Membership:
    return make_member(user=make_user("Mara Lindqvist"))


@pytest.fixture
def connection(mara: Membership) -> Connection:
    return make_connection(mara, set_up_service())


def call(text: str, method: str, path: str, **headers: str) -> Any:
    named = {"Authorization": f"Bearer {text}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    data = json.dumps({}) if method == "POST" else ""
    return Client().generic(method, f"/api/v1/connections/{path}", data, "application/json", headers=named)


def test_a_token_call_is_remembered_with_its_workflow_its_run_and_on_whose_behalf(mara, connection) -> None:
    share(actor=actor_for(mara), connection=connection, everyone=Level.VIEW)
    personal, own = make_key(mara)
    service, team = make_key(make_member(mara.team, Role.ADMIN), ApiKey.Kind.SERVICE)
    for text in (own, team, own):
        headers = {"Specway_Workflow": 'wf-7; name="Refund approval"', "Specway_Run": "run-9"}
        assert call(text, "POST", f"{connection.pk}/token/", **headers).status_code == 200
    event = AuditEvent.objects.filter(action="token.handed_out").first()
    assert event is not None
    assert (event.workflow_id, event.workflow_name, event.run_id) == ("wf-7", "Refund approval", "run-9")
    assert set(WorkflowCaller.objects.values_list("caller_id", "user")) == {
        (personal.pk, mara.user_id),
        (service.pk, None),
    }
    listed = call(own, "GET", f"{connection.pk}/workflows/").json()
    assert listed["total"] == 1
    (workflow,) = listed["results"]
    assert workflow["id"] == "wf-7"
    assert workflow["people"] == ["Mara Lindqvist"]
    assert workflow["keys"] == 1


def test_usage_lists_every_day_of_the_period(mara, connection) -> None:
    today = timezone.now().date()
    DailyUse.objects.create(connection=connection, day=today, calls=4, failures=1)
    DailyUse.objects.create(connection=connection, day=today - timedelta(days=6), calls=2)
    DailyUse.objects.create(connection=connection, day=today - timedelta(days=7), calls=50)
    _, own = make_key(mara)
    usage = call(own, "GET", f"{connection.pk}/usage/?days=7").json()
    assert (usage["calls"], usage["failures"], len(usage["days"])) == (6, 1, 7)
    assert usage["days"][-1] == {"day": today.isoformat(), "calls": 4, "failures": 1, "refused": 0}
    assert len(call(own, "GET", f"{connection.pk}/usage/").json()["days"]) == 30


@pytest.mark.parametrize("query", ["days=0", "days=366", "days=x", "period=7"])
def test_a_period_that_makes_no_sense_is_said(mara, connection, query) -> None:
    _, own = make_key(mara)
    answer = call(own, "GET", f"{connection.pk}/usage/?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


def test_a_member_who_may_only_use_it_does_not_see_where_else_it_is_used(mara, connection) -> None:
    share(actor=actor_for(mara), connection=connection, everyone=Level.USE)
    _, other = make_key(make_member(mara.team))
    for path in ("workflows/", "usage/", "sharing/"):
        assert call(other, "GET", f"{connection.pk}/{path}").status_code == 404
    assert call(other, "GET", f"{connection.pk}/").status_code == 200


def test_the_bars_fill_the_plot_up_to_a_round_number() -> None:
    days = tuple(Day(date(2026, 11, 1) + timedelta(days=n), n * 10, 1 if n == 3 else 0) for n in range(30))
    chart = chart_of(Usage(days))
    assert chart.calls_top == 400
    assert (chart.calls[0].x, chart.calls[0].width, chart.calls[1].left) == ("3", "14", "20")
    assert chart.calls[29].height == "98.6"
    assert [bar.title for bar in chart.failures] == ["4 Nov: 30 calls, 1 failure"]
    assert chart.dates == ["1 Nov", "8 Nov", "16 Nov", "23 Nov", "30 Nov"]
    assert chart.calls_text == "Calls per day: 4350 in total, 290 on 30 Nov (the most), none on 1 day"


@pytest.mark.parametrize(
    ("number", "top"), [(0, 2), (1, 2), (3, 4), (9, 10), (10, 10), (11, 20), (61, 80), (100, 100), (101, 200)]
)
def test_axes_end_in_numbers_whose_half_is_whole(number: int, top: int) -> None:
    assert round_up(number) == top
    assert top % 2 == 0
