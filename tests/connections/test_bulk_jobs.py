"""Jobs that share or disconnect many connections."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.connections.models import BulkItem, BulkJob, Connection, Level
from apps.connections.services import bulk_jobs
from apps.connections.services.bulk_jobs import run_job, run_open_jobs, start_job
from apps.connections.services.check import CheckResult, Outcome
from apps.connections.services.share import share
from apps.errors import NotAllowed
from apps.integrations.errors import InvalidInput
from apps.integrations.models import Integration
from apps.sql import Now
from apps.teams.models import ApiKey
from tests.connections.pages import make_connection, set_up_service
from tests.connections.test_api import Caller, caller
from tests.factories import actor_for, make_member
from tests.fixtures.connections import Cast, actions

# Disconnecting commits in the middle.
pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/v1/bulk-jobs/"


@pytest.fixture
def service(db: None) -> Integration:
    return set_up_service()


@pytest.fixture
def mine(cast: Cast, service: Integration) -> list[Connection]:
    """Three personal connections of the member."""
    return [make_connection(cast.member, service, f"Account {number}") for number in range(3)]


def ids(connections: list[Connection]) -> list[str]:
    return [str(connection.pk) for connection in connections]


def start(who: Caller, action: str, connections: list[str], **more: Any) -> str:
    response = who.post(URL, {"action": action, "connections": connections, **more})
    assert response.status_code == 202, response.content
    return str(response.json()["id"])


def results(who: Caller, job: str, query: str = "") -> dict[str, tuple[str, str]]:
    rows = who.get(f"{URL}{job}/results/{query}").json()["results"]
    return {row["connection"]: (row["state"], row["code"]) for row in rows}


def test_connections_are_shared_one_by_one_with_progress_and_outcomes(cast: Cast, mine: list[Connection]) -> None:
    who, unknown = caller(cast.member), str(uuid4())
    job = start(who, "share", [*ids(mine), unknown, ids(mine)[0]], level="view")
    before = who.get(f"{URL}{job}/").json()
    assert (before["status"], before["total"], before["pending"], before["ended_at"]) == ("running", 4, 4, None)
    run_job(BulkJob.objects.get().pk)
    after = who.get(f"{URL}{job}/").json()
    assert (after["status"], after["succeeded"], after["failed"], after["pending"]) == ("done", 3, 1, 0)
    assert results(who, job) == {**dict.fromkeys(ids(mine), ("done", "")), unknown: ("failed", "not_found")}
    assert list(results(who, job, "?state=failed")) == [unknown]
    assert Connection.objects.filter(is_shared=True, shares__level="view", shares__user=None).count() == 3
    run_job(BulkJob.objects.get().pk)
    assert actions("connection.shared") == ["connection.shared"] * 3


def test_connections_are_disconnected_and_made_personal(cast: Cast, mine: list[Connection]) -> None:
    who = caller(cast.member)
    start(who, "share", ids(mine), level="use")
    run_open_jobs()
    start(who, "unshare", ids(mine)[:2])
    run_open_jobs()
    assert Connection.objects.filter(is_shared=True).count() == 1
    job = start(who, "disconnect", ids(mine))
    run_open_jobs()
    assert set(results(who, job).values()) == {("done", "")}
    assert not Connection.objects.exists()


def test_a_member_hands_connections_over_and_an_api_key_does_not(cast: Cast, mine: list[Connection]) -> None:
    heir, keys = cast.admin.user, [one.pk for one in mine]
    start_job(actor=actor_for(cast.member), action="hand_over", connections=keys, owner=heir.pk)
    run_open_jobs()
    assert set(BulkItem.objects.values_list("state", "detail")) == {("done", f"Belongs to {heir} now.")}
    assert Connection.objects.filter(owner=heir).count() == 3
    with pytest.raises(InvalidInput):
        start_job(actor=actor_for(cast.admin), action="hand_over", connections=keys, owner=cast.stranger.user_id)
    refused = caller(cast.member).post(URL, {"action": "hand_over", "connections": ids(mine)})
    assert refused.status_code == 400


def test_connections_are_checked_and_refreshed_with_the_outcome_of_each(
    cast: Cast, mine: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = dict(zip([one.pk for one in mine], ["works", "rejected", "nothing_to_call"], strict=True))

    def checked(*, connection: Connection, actor: Any) -> CheckResult:
        return CheckResult(Outcome(outcomes[connection.pk]), "As the service said.")

    def refreshed(*, connection: Connection, actor: Any) -> None:
        if connection.pk == mine[0].pk:
            raise NotAllowed("The service is closed today.")

    monkeypatch.setattr(bulk_jobs, "check", checked)
    monkeypatch.setattr(bulk_jobs, "refresh_now", refreshed)
    who = caller(cast.member)
    job = start(who, "check", ids(mine))
    run_open_jobs()
    assert list(results(who, job).values()) == [("done", ""), ("failed", "rejected"), ("done", "")]
    job = start(who, "refresh", ids(mine))
    run_open_jobs()
    assert list(results(who, job).values()) == [("failed", NotAllowed.code), ("done", ""), ("done", "")]


def test_a_job_refreshes_only_what_its_creator_manages(
    cast: Cast, mine: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_jobs, "refresh_now", lambda **_: None)
    for connection in mine:
        share(connection=connection, actor=actor_for(cast.member), everyone=Level.USE)
    user = caller(make_member(cast.member.team))
    job = start(user, "refresh", ids(mine))
    run_open_jobs()
    assert set(results(user, job).values()) == {("failed", NotAllowed.code)}


def test_a_job_checks_only_what_its_creator_may_check(
    cast: Cast, mine: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_jobs, "check", lambda **_: CheckResult(Outcome.WORKS, ""))
    monkeypatch.setattr(bulk_jobs, "may_check", lambda actor, connection: connection.pk == mine[0].pk)
    who = caller(cast.member)
    job = start(who, "check", ids(mine))
    run_open_jobs()
    assert list(results(who, job).values()) == [("done", ""), *[("failed", NotAllowed.code)] * 2]


def test_each_connection_needs_the_access_that_the_caller_has_when_it_runs(cast: Cast, mine: list[Connection]) -> None:
    other = caller(cast.admin)
    job = start(other, "share", ids(mine), level="use")
    run_open_jobs()
    assert set(results(other, job).values()) == {("failed", NotAllowed.code)}
    assert not Connection.objects.filter(is_shared=True).exists()
    stranger = caller(cast.stranger)
    job = start(stranger, "disconnect", ids(mine))
    run_open_jobs()
    assert set(results(stranger, job).values()) == {("failed", "not_found")}
    assert Connection.objects.count() == 3


def delete(who: Caller, job: str) -> Any:
    return Client().delete(f"{URL}{job}/", headers={"Authorization": f"Bearer {who.text}"})


def revoke(cast: Cast) -> None:
    ApiKey.objects.update(revoked_at=timezone.now())


def leave(cast: Cast) -> None:
    cast.member.delete()


@pytest.mark.parametrize("end", [revoke, leave])
def test_nothing_is_changed_after_the_access_of_its_creator_ended(cast: Cast, mine: list[Connection], end: Any) -> None:
    job = start(caller(cast.member), "disconnect", ids(mine))
    end(cast)
    run_open_jobs()
    assert set(results(caller(cast.owner), job).values()) == {("failed", "access_ended")}
    assert Connection.objects.count() == 3


def test_a_service_key_changes_what_is_shared_with_it(cast: Cast, mine: list[Connection]) -> None:
    start(caller(cast.member), "share", ids(mine)[:1], level="manage")
    run_open_jobs()
    who = caller(cast.admin, ApiKey.Kind.SERVICE)
    share(actor=actor_for(cast.member), connection=mine[1], everyone=Level.USE)
    job = start(who, "disconnect", ids(mine))
    run_open_jobs()
    assert sorted(results(who, job).values()) == [
        ("done", ""),
        ("failed", "not_found"),
        ("failed", NotAllowed.code),
    ]
    assert AuditEvent.objects.filter(action="connection.disconnected", actor_kind="service").count() == 1


def test_a_run_that_died_is_continued_and_repeats_nothing(
    cast: Cast, mine: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = start(caller(cast.member), "disconnect", ids(mine))
    real = bulk_jobs.disconnect

    def dies(**arguments: Any) -> Any:
        real(**arguments)
        raise RuntimeError("killed before the outcome was stored")

    monkeypatch.setattr(bulk_jobs, "disconnect", dies)
    with pytest.raises(RuntimeError):
        run_open_jobs()
    monkeypatch.setattr(bulk_jobs, "disconnect", real)
    run_open_jobs()
    bulk_jobs.run_job(BulkJob.objects.get().pk)  # as a message that is delivered twice does
    assert BulkItem.objects.filter(state="pending").count() == 3  # the claim holds for two minutes
    BulkJob.objects.update(claimed_until=Now() - timedelta(seconds=1))
    run_open_jobs()
    assert set(results(caller(cast.member), job).values()) == {("done", "")}
    assert actions("connection.disconnected") == ["connection.disconnected"] * 3


def test_a_long_job_is_done_in_several_runs(
    cast: Cast, mine: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    start(caller(cast.member), "share", ids(mine), level="use")
    monkeypatch.setattr(bulk_jobs, "BUDGET", -1.0)
    run_open_jobs()
    assert (BulkJob.objects.get().status, BulkJob.objects.get().claimed_until) == ("running", None)
    monkeypatch.setattr(bulk_jobs, "BUDGET", 45.0)
    run_open_jobs()
    assert BulkJob.objects.get().status == "done"


def test_a_canceled_job_stops_and_its_rows_go_after_a_month(cast: Cast, mine: list[Connection]) -> None:
    who = caller(cast.member)
    job = start(who, "disconnect", ids(mine))
    for _ in range(2):
        canceled = delete(who, job)
        assert (canceled.status_code, canceled.json()["status"]) == (200, "canceled")
    run_open_jobs()
    assert Connection.objects.count() == 3
    BulkJob.objects.update(created_at=Now() - timedelta(days=31))
    run_open_jobs()
    assert not BulkJob.objects.exists()


def test_only_its_creator_and_admins_see_a_job(cast: Cast, mine: list[Connection]) -> None:
    job = start(caller(cast.member), "unshare", ids(mine))
    assert caller(cast.admin).get(f"{URL}{job}/").status_code == 200
    for who in (caller(cast.stranger), caller(cast.admin, ApiKey.Kind.SERVICE)):
        assert who.get(f"{URL}{job}/").status_code == 404
        assert who.get(f"{URL}{job}/results/").status_code == 404
        assert delete(who, job).status_code == 404
        assert who.get(URL).json()["results"] == []
    assert [row["id"] for row in caller(cast.member).get(f"{URL}?status=running").json()["results"]] == [job]


@pytest.mark.parametrize(
    "body",
    [
        {"action": "share", "connections": [str(uuid4())]},
        {"action": "disconnect", "connections": [str(uuid4())], "level": "use"},
        {"action": "disconnect", "connections": []},
        {"action": "disconnect", "connections": [str(uuid4()) for _ in range(1001)]},
        {"action": "rename", "connections": [str(uuid4())]},
        {"action": "disconnect", "connections": ["x"]},
    ],
)
def test_invalid_jobs_are_refused(cast: Cast, body: dict[str, Any]) -> None:
    assert caller(cast.member).post(URL, body).status_code == 400
    assert not BulkJob.objects.exists()
