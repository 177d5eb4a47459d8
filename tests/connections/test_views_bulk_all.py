"""An action for all connections that match the filters: the question, the job, and its page."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.connections.models import BulkItem, BulkJob, Connection, Level, WorkflowUse
from apps.connections.services.bulk_jobs import run_open_jobs
from apps.connections.views import bulk_all
from apps.integrations.models import Integration
from apps.teams.models import Membership, Role
from tests.connections.pages import make_connection, make_connections, set_up_service
from tests.factories import client_for, make_member

# Disconnecting commits in the middle.
pytestmark = pytest.mark.django_db(transaction=True)
ACTIONS = ["refresh", "check", "share", "hand_over", "disconnect"]


@pytest.fixture
def service(db: None) -> Integration:
    return set_up_service()


@pytest.fixture
def me(service: Integration) -> Membership:
    return make_member()


@pytest.fixture
def many(me: Membership, service: Integration) -> list[Connection]:
    """More than a page."""
    return make_connections(me, service, *(f"Account {number:02}" for number in range(60)))


def send(who: Membership, action: str, filters: str = "", **fields: Any) -> tuple[int, str]:
    url = reverse(f"connections:{action}_selected")
    answer = client_for(who).post(url, {"all": "on", "filters": filters, **fields})
    return answer.status_code, answer["Location"] if answer.status_code == 302 else text(answer)


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def job_page(who: Membership, job: BulkJob, **query: str) -> str:
    return text(client_for(who).get(reverse("connections:bulk_job", args=[job.pk]), query))


def test_the_list_offers_all_that_match_only_beyond_one_page(
    me: Membership, service: Integration, many: list[Connection]
) -> None:
    url, browser = reverse("connections:list"), client_for(me)
    assert "All 60 that match" in text(browser.get(url))
    assert "that match" not in text(browser.get(url, {"search": "Account 1"}))


@pytest.mark.parametrize("action", ACTIONS)
def test_it_asks_first_with_the_number_and_some_names(me: Membership, many: list[Connection], action: str) -> None:
    WorkflowUse.objects.create(connection=many[50], workflow_id="w", name="Nightly", last_used_at=timezone.now())
    status, page = send(me, action)
    assert status == 200
    assert "60 connections?" in page
    assert "Account 09" in page
    assert "Account 10" not in page
    assert "and 50 more connections." in page
    assert ("Nightly" in page) == (action in ("share", "hand_over", "disconnect"))
    assert not BulkJob.objects.exists()
    assert Connection.objects.filter(owner=me.user, is_shared=False, status="active").count() == 60


def test_a_confirmed_action_is_done_by_a_job_for_those_that_match(me: Membership, many: list[Connection]) -> None:
    status, page = send(me, "disconnect", "search=Account+1")
    assert "10 connections?" in page
    status, address = send(me, "disconnect", "search=Account+1", confirmed="10")
    job = BulkJob.objects.get()
    assert (status, address) == (302, reverse("connections:bulk_job", args=[job.pk]))
    assert "0 done, 0 failed, 10 not reached yet." in job_page(me, job)
    assert 'hx-trigger="every 3s"' in job_page(me, job)
    assert "is running for many connections." in text(client_for(me).get(reverse("connections:list")))
    run_open_jobs()
    page = job_page(me, job, show="all")
    assert "10 done, 0 failed, 0 not reached yet." in page
    assert "Account 19" in page  # by the name that it had
    assert "hx-trigger" not in page
    assert Connection.objects.count() == 50
    assert "is running" not in text(client_for(me).get(reverse("connections:list")))


def test_options_are_stored_with_the_job(me: Membership, many: list[Connection]) -> None:
    heir = make_member(me.team)
    some = "search=Account+1"
    assert send(me, "share", some, confirmed="10", level="nonsense")[0] == 400
    assert send(me, "share", some, confirmed="10", level="view")[0] == 302
    assert send(me, "hand_over", some, confirmed="10", owner=str(heir.user_id))[0] == 302
    run_open_jobs()
    assert Connection.objects.filter(owner=heir.user, shares__level=Level.VIEW, shares__user=None).count() == 10


def test_another_number_than_was_confirmed_is_asked_again(me: Membership, many: list[Connection]) -> None:
    make_connection(me, many[0].integration, "Account 99")
    status, page = send(me, "disconnect", confirmed="60")
    assert status == 200
    assert "Meanwhile, another number of connections matches the filters." in page
    assert "61 connections?" in page
    assert not BulkJob.objects.exists()


def test_a_job_takes_a_bounded_number_and_the_question_says_so(
    me: Membership, many: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_all, "MOST_AT_ONCE", 20)
    page = send(me, "check")[1]
    assert "Check 20 connections?" in page
    assert "60 match the filters. One job takes 20 of them, by name." in page
    send(me, "check", confirmed="60")
    assert BulkItem.objects.count() == 20


def test_what_one_may_not_change_stays_and_is_named(me: Membership, service: Integration) -> None:
    admin = make_member(me.team, Role.ADMIN)
    make_connection(me, service, "Mine alone")
    send(admin, "share", confirmed="1", level="use")
    run_open_jobs()
    assert not Connection.objects.get().is_shared
    page = job_page(admin, BulkJob.objects.get())
    assert "0 done, 1 failed" in page
    assert "Mine alone" in page


def test_nothing_of_others_is_matched(me: Membership, many: list[Connection]) -> None:
    status, address = send(make_member(me.team), "disconnect", confirmed="60")
    assert (status, address) == (302, reverse("connections:list"))
    assert not BulkJob.objects.exists()


def test_a_job_can_be_stopped_by_who_sees_it(me: Membership, many: list[Connection]) -> None:
    send(me, "disconnect", confirmed="60")
    job = BulkJob.objects.get()
    url = reverse("connections:cancel_bulk_job", args=[job.pk])
    assert client_for(make_member(me.team)).post(url).status_code == 404
    assert client_for(me).post(url).status_code == 302
    run_open_jobs()
    assert Connection.objects.count() == 60
    assert "Canceled" in job_page(me, job)


def test_htmx_gets_the_progress_only(me: Membership, many: list[Connection]) -> None:
    send(me, "check", confirmed="60")
    url = reverse("connections:bulk_job", args=[BulkJob.objects.get().pk])
    answer: Any = client_for(me).get(url, headers={"HX-Request": "true"})
    assert answer.content.decode().strip().startswith("<section")
    assert Client().get(url).status_code == 302
