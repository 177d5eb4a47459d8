"""Leaving a team, being removed, deleting one's account: nothing is taken down unseen, and nothing is left behind."""

import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db import connection as database
from django.db.models import ProtectedError
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.audit.origin import Origin
from apps.connections.errors import Undecided
from apps.connections.models import Connection, Level
from apps.connections.services import offboarding
from apps.connections.services.share import share
from apps.connections.services.usage import count_use
from apps.errors import NotAllowed
from apps.integrations.errors import InvalidInput
from apps.teams.actor import Actor, service_actor
from apps.teams.errors import LastOwner, OwnsConnections, StillMember
from apps.teams.models import ApiKey, Membership, Role, SecondFactorSecret, Team, User
from apps.teams.services import members, people
from tests import factories
from tests.connections.pages import make_connection, set_up_service
from tests.factories import actor_for, client_for, make_key, make_member, make_user

pytestmark = pytest.mark.django_db
ORIGIN = Origin(kind="user", id="", label="Kwame Boateng")


@pytest.fixture
def admin() -> Membership:
    owner = make_member(role=Role.OWNER, user=make_user("Olga Owner"))
    return make_member(owner.team, Role.ADMIN, user=make_user("Ada Admin"))


@pytest.fixture
def kwame(admin: Membership) -> Membership:
    return make_member(admin.team, user=make_user("Kwame Boateng"))


@pytest.fixture
def shared(kwame: Membership) -> Connection:
    connection = make_connection(kwame, set_up_service(), "Fernhill bot")
    share(actor=actor_for(kwame), connection=connection, everyone=Level.USE)
    return connection


@pytest.fixture
def personal(kwame: Membership, shared: Connection) -> Connection:
    return make_connection(kwame, shared.integration, "Kwame alone")


def run_workflow(connection: Connection, actor: Actor, name: str) -> None:
    origin = Origin(kind="user", id="", label="", workflow_id=name.lower(), workflow_name=name)
    acting = Actor(actor.team, actor.user, actor.role, actor.api_key, actor.scopes, origin)
    count_use(connection, actor=acting, now=timezone.now())


def remove_url(membership: Membership) -> str:
    return reverse("connections:remove_member", args=[membership.pk])


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def test_removing_names_what_stops_and_who_loses_what_before_the_click(admin, kwame, shared, personal) -> None:
    run_workflow(shared, actor_for(admin), "Order sync")
    other = make_connection(admin, shared.integration, "Of the admin")
    share(actor=actor_for(admin), connection=other, everyone=Level.USE)
    run_workflow(other, actor_for(kwame), "Carrier report")
    page = text(client_for(admin).get(remove_url(kwame)))
    for named in ("Fernhill bot", "1 workflow: Order sync", "used by Ada Admin, Olga Owner", "Kwame alone"):
        assert named in page
    # Not a connection of Kwame's, but it is reached on his behalf.
    assert "Carrier report" in page.split("on Kwame Boateng’s behalf")[1]
    chosen = re.search(rf'name="c-{shared.pk}".*?</select>', page)
    assert chosen
    assert f'value="{admin.user_id}" selected' in chosen[0]
    alone = re.search(rf'name="c-{personal.pk}".*?</select>', page)
    assert alone
    assert "Hand over" not in alone[0]
    assert Membership.objects.filter(pk=kwame.pk).exists()


def test_what_is_decided_is_done_and_the_membership_ends(admin, kwame, shared, personal) -> None:
    key, _ = make_key(kwame)
    fields = {f"c-{shared.pk}": str(admin.user_id), f"c-{personal.pk}": "disconnect"}
    answer = client_for(admin).post(remove_url(kwame), fields, follow=True)
    assert "Handed over: Fernhill bot" in text(answer)
    # Nothing listens at the service: what was not revoked is said.
    assert "Kwame alone is disconnected." in text(answer)
    kept = Connection.objects.get()
    assert (kept.pk, kept.owner, kept.handed_over_from) == (shared.pk, admin.user, "Kwame Boateng")
    assert kept.is_shared
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert not Membership.objects.filter(pk=kwame.pk).exists()
    done = list(AuditEvent.objects.order_by("id").values_list("action", flat=True))[-3:]
    assert done == ["connection.handed_over", "connection.disconnected", "member.removed"]


def test_the_workflows_of_what_is_handed_over_go_on(admin, kwame, shared) -> None:
    key, _ = make_key(admin, ApiKey.Kind.SERVICE)
    offboarding.remove_member(actor=actor_for(admin), membership_id=kwame.pk, decisions={shared.pk: admin.user_id})
    from apps.connections.services.tokens import issue_token

    service = service_actor(key, origin=ORIGIN)
    assert issue_token(connection=Connection.objects.with_details().get(), actor=service).access_token


def test_a_connection_that_was_not_on_the_page_is_asked_about(admin, kwame, shared) -> None:
    fields = {f"c-{shared.pk}": "disconnect"}
    late = make_connection(kwame, shared.integration, "Made meanwhile")
    answer = client_for(admin).post(remove_url(kwame), fields)
    assert answer.status_code == 400
    assert "Choose what to do with Made meanwhile." in text(answer)
    with pytest.raises(Undecided, match="Made meanwhile"):
        offboarding.remove_member(actor=actor_for(admin), membership_id=kwame.pk, decisions={shared.pk: None})
    assert set(Connection.objects.all()) == {shared, late}
    assert Membership.objects.filter(pk=kwame.pk).exists()


def test_the_service_of_members_alone_still_refuses(admin, kwame, shared) -> None:
    with pytest.raises(OwnsConnections):
        members.remove_member(actor=actor_for(admin), membership_id=kwame.pk)


def test_an_admin_gets_nothing_personal_by_removing_its_owner(admin, kwame, personal, shared) -> None:
    wanted = {personal.pk: admin.user_id, shared.pk: None}
    with pytest.raises(NotAllowed):
        offboarding.remove_member(actor=actor_for(admin), membership_id=kwame.pk, decisions=wanted)
    fields = {f"c-{personal.pk}": str(admin.user_id), f"c-{shared.pk}": "disconnect"}
    assert client_for(admin).post(remove_url(kwame), fields).status_code == 400
    assert Connection.objects.filter(owner=kwame.user).count() == 2


@pytest.mark.parametrize("whom", ["stranger", "unknown", "self"])
def test_it_is_handed_over_within_the_team_only(admin, kwame, shared, whom) -> None:
    to: UUID = {"stranger": make_member().user_id, "unknown": uuid4(), "self": kwame.user_id}[whom]
    with pytest.raises(InvalidInput):
        offboarding.remove_member(actor=actor_for(admin), membership_id=kwame.pk, decisions={shared.pk: to})
    assert client_for(admin).post(remove_url(kwame), {f"c-{shared.pk}": str(to)}).status_code == 400
    assert Connection.objects.get().owner == kwame.user


def test_what_will_be_refused_is_refused_before_anything_is_disconnected(admin) -> None:
    owner = Membership.objects.get(team=admin.team, role=Role.OWNER)
    connection = make_connection(owner, set_up_service())
    with pytest.raises(NotAllowed):
        offboarding.remove_member(actor=actor_for(admin), membership_id=owner.pk, decisions={connection.pk: None})
    with pytest.raises(LastOwner):
        offboarding.leave(actor=actor_for(owner), decisions={connection.pk: None})
    with pytest.raises(LastOwner):
        offboarding.delete_account(user=owner.user, decisions={connection.pk: None}, origin=ORIGIN)
    assert Connection.objects.get().status == "active"


def test_leaving_hands_over_also_what_is_personal_to_oneself(admin, kwame, personal, shared) -> None:
    browser = client_for(kwame)
    page = text(browser.get(reverse("connections:leave_team")))
    assert "your account" in page
    fields = {f"c-{personal.pk}": str(admin.user_id), f"c-{shared.pk}": "disconnect"}
    answer = browser.post(reverse("connections:leave_team"), fields)
    assert answer.status_code == 302
    assert Connection.objects.get().owner == admin.user
    assert not Membership.objects.filter(user=kwame.user).exists()


def test_no_member_leaves_by_a_get_request(admin, kwame, shared) -> None:
    client_for(kwame).get(reverse("connections:leave_team"))
    client_for(admin).get(remove_url(kwame))
    assert Membership.objects.filter(pk=kwame.pk).exists()
    assert Connection.objects.get().status == "active"


# --- the account ------------------------------------------------------------------------------------------------------


def confirmed(member: Membership, password: str) -> Client:
    browser = Client()
    browser.force_login(member.user)
    answer = browser.post(reverse("account_reauthenticate"), {"password": password, "next": DELETE})
    assert answer.headers["Location"] == DELETE
    return browser


DELETE = "/account/delete/"


def test_deleting_the_account_asks_for_the_password_first(admin) -> None:
    kwame = make_member(admin.team, user=make_user("Kwame Boateng", password="correct horse battery"))
    answer = client_for(kwame).get(DELETE)
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_reauthenticate"))
    browser = client_for(kwame)
    assert browser.post(DELETE).status_code == 302
    wrong = browser.post(reverse("account_reauthenticate"), {"password": "wrong", "next": DELETE})
    assert wrong.status_code == 200
    assert browser.post(DELETE).status_code == 302
    assert User.objects.filter(pk=kwame.user_id).exists()


def test_an_account_goes_with_all_that_is_its_own(admin) -> None:
    password = "correct horse battery"
    user = make_user("Kwame Boateng", password=password)
    kwame = make_member(admin.team, user=user)
    alone = make_member(factories.make_team("Kwame's own"), Role.OWNER, user=user)
    service = set_up_service()
    shared, personal, elsewhere = (make_connection(m, service) for m in (kwame, kwame, alone))
    share(actor=actor_for(kwame), connection=shared, everyone=Level.USE)
    share(
        actor=actor_for(admin),
        connection=(theirs := make_connection(admin, service)),
        everyone=None,
        members={kwame.user_id: Level.USE},
    )
    make_key(kwame)
    browser = confirmed(kwame, password)
    seed = SecondFactorSecret.objects.create(secret="seed")
    Authenticator.objects.create(user=user, type="totp", data={"secret": str(seed.pk)})
    page = text(browser.get(DELETE))
    assert "You are the only member of Kwame&#x27;s own" in page
    decisions = {
        f"c-{shared.pk}": str(admin.user_id),
        f"c-{personal.pk}": "disconnect",
        f"c-{elsewhere.pk}": "disconnect",
    }
    answer = browser.post(DELETE, decisions, follow=True)
    assert "Your account is deleted." in text(answer)
    assert not User.objects.filter(pk=user.pk).exists()
    assert not EmailAddress.objects.filter(email=user.email).exists()
    assert not SecondFactorSecret.objects.exists()
    assert not Team.objects.filter(pk=alone.team_id).exists()
    assert set(Connection.objects.all()) == {shared, theirs}
    kept = Connection.objects.get(pk=shared.pk)
    assert (kept.owner, kept.handed_over_from, kept.handed_over_by) == (admin.user, "Kwame Boateng", None)
    assert not Connection.objects.get(pk=theirs.pk).is_shared
    # The log keeps who it was.
    assert AuditEvent.objects.filter(actor_label="Kwame Boateng", action="connection.disconnected").count() == 2
    assert AuditEvent.objects.get(action="account.deleted").target_label == "Kwame Boateng"
    assert AuditEvent.objects.get(action="team.closed").team_id == alone.team_id
    assert browser.get(reverse("web:account")).status_code == 302


def test_an_account_that_something_depends_on_stays(admin, kwame, shared) -> None:
    with pytest.raises(StillMember):
        people.delete_person(user=kwame.user, origin=ORIGIN)
    Membership.objects.filter(pk=kwame.pk).delete()
    with pytest.raises(OwnsConnections):
        people.delete_person(user=kwame.user, origin=ORIGIN)
    with pytest.raises(ProtectedError):
        kwame.user.delete()
    assert User.objects.filter(pk=kwame.user_id).exists()


def test_the_page_says_who_is_the_only_owner_among_others(admin) -> None:
    password = "correct horse battery"
    owner = make_member(factories.make_team("Kestrel Films"), Role.OWNER, user=make_user("Only", password=password))
    make_member(owner.team)
    browser = confirmed(owner, password)
    assert "You are the only owner of Kestrel Films" in text(browser.get(DELETE))
    assert browser.post(DELETE).status_code == 409
    assert User.objects.filter(pk=owner.user_id).exists()


# --- what else names who loses access ---------------------------------------------------------------------------------


def test_disconnecting_names_workflows_and_colleagues_first(admin, kwame, shared) -> None:
    run_workflow(shared, actor_for(admin), "Order sync")
    page = text(client_for(kwame).get(reverse("connections:disconnect", args=[shared.pk])))
    assert "Order sync" in page
    assert "on behalf of Ada Admin" in page
    assert "2 colleagues lose access</strong>: Ada Admin, Olga Owner." in page


def test_revoking_a_key_names_the_workflows_that_reach_something_with_it(admin, kwame, shared) -> None:
    key, _ = make_key(admin, ApiKey.Kind.SERVICE)
    other, _ = make_key(admin)
    run_workflow(shared, service_actor(key, origin=ORIGIN), "Nightly")
    run_workflow(shared, actor_for(admin), "By hand")
    browser = client_for(admin)
    page = text(browser.get(reverse("teams:revoke_api_key", args=[key.pk])))
    assert "1 workflow loses access" in page
    assert "Nightly" in page
    assert "Fernhill bot" in page
    assert "By hand" not in page
    assert "No workflow has used" in text(browser.get(reverse("teams:revoke_api_key", args=[other.pk])))


def test_one_person_gets_many_connections_with_exceptions(
    admin: Membership, kwame: Membership, shared: Connection
) -> None:
    others = [make_connection(kwame, shared.integration, f"Shared {number}") for number in range(10)]
    for connection in others:
        share(actor=actor_for(kwame), connection=connection, everyone=Level.USE)
    browser, url = client_for(admin), reverse("connections:remove_member", args=[kwame.pk])
    page = browser.get(url).content.decode()
    assert "For all connections below" in page
    assert page.count('<option value="heir" selected>') == 11
    heir = make_member(admin.team)
    decisions = {f"c-{one.pk}": "heir" for one in [shared, *others]} | {f"c-{others[0].pk}": "disconnect"}
    assert browser.post(url, decisions).status_code == 400
    assert browser.post(url, decisions | {"heir": str(heir.user_id)}).status_code == 302
    assert Connection.objects.filter(owner=heir.user).count() == 10
    assert not Connection.objects.filter(pk=others[0].pk).exists()


def test_the_queries_of_the_page_do_not_depend_on_the_number_of_connections(
    admin: Membership, kwame: Membership, shared: Connection
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(database) as captured:
            assert browser.get(remove_url(kwame)).status_code == 200
        return len(captured)

    browser = client_for(admin)
    run_workflow(shared, actor_for(admin), "Order sync")
    browser.get(remove_url(kwame))
    few = queries()
    for number in range(9):
        connection = make_connection(kwame, shared.integration, f"Further {number}")
        share(actor=actor_for(kwame), connection=connection, everyone=None, members={admin.user_id: Level.USE})
        run_workflow(connection, actor_for(admin), f"Report {number}")
    page = text(browser.get(remove_url(kwame)))
    assert "Further 8" in page
    assert "1 workflow: Report 8 · used by Ada Admin" in page
    assert queries() == few


def test_in_a_large_team_the_new_owner_is_chosen_once(
    admin: Membership, kwame: Membership, shared: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.connections.forms.offboarding.FEW_HEIRS", 2)
    monkeypatch.setattr("apps.connections.services.usage.MOST_NAMED", 2)
    heirs = [make_member(admin.team, user=make_user(f"Heir {number}")) for number in range(4)]
    browser = client_for(admin)
    page = text(browser.get(remove_url(kwame)))
    assert "For all connections below" in page
    assert page.count(f'value="{heirs[0].user_id}"') == 1
    assert "used by Ada Admin, Heir 0, 4 more" in page
    decisions = {f"c-{shared.pk}": "heir", "heir": str(heirs[3].user_id)}
    assert browser.post(remove_url(kwame), decisions).status_code == 302
    assert Connection.objects.get(pk=shared.pk).owner == heirs[3].user
