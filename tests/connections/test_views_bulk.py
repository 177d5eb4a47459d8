"""Sharing, handing over and disconnecting the selected connections: the question, and the outcome of each."""

import pytest
from django.urls import reverse
from django.utils import timezone

from apps.connections.errors import SpecwayError
from apps.connections.models import Connection, ConnectionShare, Level, WorkflowUse
from apps.connections.services.check import CheckResult, Outcome
from apps.connections.views import bulk, bulk_check
from apps.teams.models import Membership, Role
from tests.connections.pages import make_connection, set_up_service, share
from tests.factories import client_for, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def me() -> Membership:
    return make_member()


@pytest.fixture
def mine(me: Membership) -> list[Connection]:
    service = set_up_service()
    return [make_connection(me, service, name) for name in ("First", "Second")]


def posted(me: Membership, action: str, chosen: list[Connection], **data: object) -> str:
    url = reverse(f"connections:{action}_selected")
    return client_for(me).post(url, {"id": [str(one.pk) for one in chosen], **data}).content.decode()


@pytest.mark.parametrize("action", ["share", "hand_over", "disconnect"])
def test_nothing_happens_before_the_confirmation(me: Membership, mine: list[Connection], action: str) -> None:
    WorkflowUse.objects.create(connection=mine[0], workflow_id="w", name="Nightly", last_used_at=timezone.now())
    page = posted(me, action, mine)
    assert "2 connections?" in page
    assert "First" in page
    assert "Nightly" in page
    assert Connection.objects.filter(owner=me.user, is_shared=False, status="active").count() == 2


def test_disconnecting_the_selected_reports_each(me: Membership, mine: list[Connection]) -> None:
    page = posted(me, "disconnect", mine, confirmed="yes")
    assert page.count("Done") == 2
    assert not Connection.objects.exists()


def test_an_error_leaves_the_others_and_is_reported(
    me: Membership, mine: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = bulk.disconnect

    def failing(**values: object) -> object:
        if values["connection"] == mine[0]:
            raise SpecwayError("Sandbox is closed today.")
        return original(**values)

    monkeypatch.setattr(bulk, "disconnect", failing)
    page = posted(me, "disconnect", mine, confirmed="yes")
    assert "1 of 2 connections could not be changed" in page
    assert "Sandbox is closed today." in page
    assert list(Connection.objects.all()) == [mine[0]]


def test_what_there_is_no_time_for_is_not_changed(
    me: Membership, mine: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "TIMEOUT", -1)
    page = posted(me, "disconnect", mine, confirmed="yes")
    assert page.count(str(bulk.NOT_REACHED)) == 2
    assert Connection.objects.filter(status="active").count() == 2


def test_sharing_the_selected_takes_nothing_from_anyone(me: Membership, mine: list[Connection]) -> None:
    other = make_member(me.team)
    share(mine[0], level=Level.MANAGE)
    mine[1].is_shared = True
    mine[1].save()
    ConnectionShare.objects.create(connection=mine[1], user=other.user, level=Level.MANAGE)
    page = posted(me, "share", mine, confirmed="yes", level="view")
    assert "Was shared with everyone already: Manage." in page
    assert ConnectionShare.objects.get(connection=mine[0]).level == Level.MANAGE
    levels = dict(ConnectionShare.objects.filter(connection=mine[1]).values_list("user", "level"))
    assert levels == {None: Level.VIEW, other.user.pk: Level.MANAGE}


def test_handing_over_requires_a_new_owner(me: Membership, mine: list[Connection]) -> None:
    other = make_member(me.team)
    posted(me, "hand_over", mine, confirmed="yes", owner="")
    assert Connection.objects.filter(owner=me.user).count() == 2
    posted(me, "hand_over", mine, confirmed="yes", owner=str(other.user_id))
    assert Connection.objects.filter(owner=other.user).count() == 2


def test_personal_connections_of_others_are_left_out(me: Membership, mine: list[Connection]) -> None:
    admin = make_member(me.team, Role.ADMIN)
    own = make_connection(admin, mine[0].integration, "Of the admin")
    page = posted(admin, "share", [*mine, own])
    assert "Share 1 connection?" in page
    assert "2 of the selected are left out" in page
    posted(admin, "share", [*mine, own], confirmed="yes", level="use")
    assert list(Connection.objects.filter(is_shared=True)) == [own]


def checks(monkeypatch: pytest.MonkeyPatch) -> list[Connection]:
    """Collects the connections that are checked; the first is rejected, the others work."""
    made: list[Connection] = []

    def check(*, connection: Connection, actor: object) -> CheckResult:
        made.append(connection)
        if len(made) == 1:
            return CheckResult(Outcome.REJECTED, "Sandbox rejects this token.")
        return CheckResult(Outcome.WORKS, "Sandbox accepted it.")

    monkeypatch.setattr(bulk_check, "check", check)
    return made


def test_checking_the_selected_shows_each_result(
    me: Membership, mine: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = checks(monkeypatch)
    page = posted(me, "check", mine)
    assert made == mine
    for words in ("1 of 2 connections work", "Sandbox rejects this token.", "Rejected", "Sandbox accepted it."):
        assert words in page


def test_checks_without_time_left_are_offered_again(
    me: Membership, mine: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = checks(monkeypatch)
    monkeypatch.setattr(bulk_check, "TIMEOUT", -1)
    page = posted(me, "check", mine)
    assert not made
    assert "Check 2 more" in page
    assert page.count('name="id"') == 2


def test_personal_connections_of_others_are_not_checked(
    me: Membership, mine: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = checks(monkeypatch)
    posted(make_member(team=me.team, role=Role.MEMBER), "check", mine)
    assert not made
