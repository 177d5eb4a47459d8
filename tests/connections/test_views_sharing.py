"""The Sharing tab: what it stores, and who is named before they lose access."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.audit.origin import Origin
from apps.connections.models import Connection, ConnectionShare, Level
from apps.connections.services.share import share
from apps.connections.services.usage import count_use
from apps.teams.actor import Actor, member_actor, service_actor
from apps.teams.models import ApiKey, Membership, Role
from tests import factories
from tests.connections.pages import make_connection, set_up_service
from tests.factories import actor_for, client_for, make_member, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def kwame(mara: Membership) -> Membership:
    return make_member(mara.team, user=make_user("Kwame Boateng"))


@pytest.fixture
def connection(mara: Membership) -> Connection:
    return make_connection(mara, set_up_service(), "Fernhill Support")


def send(browser: Client, connection: Connection, **fields: Any) -> tuple[int, str]:
    answer = browser.post(reverse("connections:sharing", args=[connection.pk]), fields)
    return answer.status_code, re.sub(r"\s+", " ", answer.content.decode())


def digest(page: str) -> str:
    found = re.search(r'name="confirmed" value="(\w+)"', page)
    assert found, "no question was asked"
    return found[1]


def shares(connection: Connection) -> dict[str, str]:
    rows = ConnectionShare.objects.filter(connection=connection).select_related("user")
    return {str(row.user) if row.user else "everyone": row.level for row in rows}


def run_workflow(connection: Connection, actor: Actor, name: str) -> None:
    origin = Origin(kind="user", id="", label="", workflow_id=name.lower(), workflow_name=name)
    member = Actor(actor.team, actor.user, actor.role, actor.api_key, actor.scopes, origin)
    count_use(connection, actor=member, now=timezone.now())


def test_sharing_with_everyone_or_selected_members_by_level(mara, ines, kwame, connection) -> None:
    browser = client_for(mara)
    assert send(browser, connection, shared="on", level="use", who="everyone")[0] == 302
    assert shares(connection) == {"everyone": "use"}
    both = [str(ines.user_id), str(kwame.user_id)]
    fields = {"shared": "on", "level": "view", "who": "chosen", "member": both, f"level-{kwame.user_id}": "manage"}
    # Service keys and anyone who joins had it from everyone's share.
    _, page = send(browser, connection, **fields)
    assert send(browser, connection, **fields, confirmed=digest(page))[0] == 302
    assert shares(connection) == {"Ines Achterberg": "view", "Kwame Boateng": "manage"}
    fields["who"] = "everyone"
    assert send(browser, connection, **fields)[0] == 302
    assert shares(connection) == {"everyone": "view", "Kwame Boateng": "manage"}


def test_the_form_shows_the_stored_sharing(mara, ines, kwame, connection) -> None:
    members = {ines.user_id: Level.USE, kwame.user_id: Level.MANAGE}
    share(actor=actor_for(mara), connection=connection, everyone=None, members=members)
    page = re.sub(
        r"\s+", " ", client_for(mara).get(reverse("connections:sharing", args=[connection.pk])).content.decode()
    )
    assert re.search(r'name="shared" checked', page)
    assert re.search(r'id="level-use" value="use" checked', page)
    assert re.search(r'value="chosen" checked', page)
    assert re.search(rf'value="{ines.user_id}" checked', page)
    row = page.split(f'id="own-{kwame.user_id}"')[1].split("</select>")[0]
    assert '<option value="manage" selected>' in row


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"shared": "on", "level": "use", "who": "chosen"}, "Select at least one member"),
        ({"shared": "on", "who": "everyone"}, "Choose what members may do."),
        ({"shared": "on", "level": "own", "who": "everyone"}, "Select a valid choice"),
        ({"shared": "on", "level": "use", "who": "chosen", "member": ["x"]}, "Select a valid choice"),
    ],
)
def test_invalid_sharing_is_reported_and_not_stored(mara, ines, connection, fields, sentence) -> None:
    status, page = send(client_for(mara), connection, **fields)
    assert status == 400
    assert sentence in page
    assert not Connection.objects.get().is_shared


def test_a_non_member_cannot_be_selected(mara, connection) -> None:
    stranger = make_member(role=Role.OWNER)
    fields = {"shared": "on", "level": "use", "who": "chosen", "member": [str(stranger.user_id)]}
    assert send(client_for(mara), connection, **fields)[0] == 400
    assert shares(connection) == {}


def test_losing_access_is_confirmed_with_names_and_workflows(mara, ines, kwame, connection) -> None:
    members = {ines.user_id: Level.USE, kwame.user_id: Level.MANAGE}
    share(actor=actor_for(mara), connection=connection, everyone=None, members=members)
    run_workflow(connection, actor_for(ines), "Refund approval")
    run_workflow(connection, actor_for(mara), "Of the owner")
    browser = client_for(mara)
    status, page = send(browser, connection)
    assert status == 200
    assert "2 people lose access" in page
    assert "Ines Achterberg" in page
    assert "Refund approval" in page
    assert "Make it personal and stop 1 workflow" in page
    assert "Of the owner" not in page
    assert shares(connection) != {}
    assert send(browser, connection, confirmed=digest(page))[0] == 302
    assert shares(connection) == {}
    assert not Connection.objects.get().is_shared


def test_a_lower_level_is_confirmed_too(mara, ines, connection) -> None:
    share(actor=actor_for(mara), connection=connection, everyone=Level.MANAGE)
    _, page = send(client_for(mara), connection, shared="on", level="use", who="everyone")
    assert "Manage becomes Use only" in page
    assert shares(connection) == {"everyone": "manage"}


def test_a_change_after_the_question_asks_again(mara, ines, kwame, connection) -> None:
    share(actor=actor_for(mara), connection=connection, everyone=None, members={ines.user_id: Level.USE})
    browser = client_for(mara)
    _, page = send(browser, connection)
    share(actor=actor_for(mara), connection=connection, everyone=Level.USE)
    status, again = send(browser, connection, confirmed=digest(page))
    assert status == 200
    assert "Kwame Boateng" in again
    assert shares(connection) == {"everyone": "use"}


def test_service_keys_and_their_workflows_are_listed(mara, connection) -> None:
    share(actor=actor_for(mara), connection=connection, everyone=Level.USE)
    key, _ = factories.make_key(make_member(mara.team, Role.ADMIN), ApiKey.Kind.SERVICE)
    run_workflow(connection, service_actor(key, origin=Origin(kind="", id="", label="")), "Nightly")
    _, page = send(client_for(mara), connection)
    assert "service keys can no longer use it" in page
    assert "Nightly" in page
    assert "with 1 service key" in page


def test_more_access_needs_no_confirmation(mara, ines, connection) -> None:
    share(actor=actor_for(mara), connection=connection, everyone=Level.USE)
    assert send(client_for(mara), connection, shared="on", level="manage", who="everyone")[0] == 302
    assert shares(connection) == {"everyone": "manage"}


def test_a_manager_can_remove_their_own_access(mara, ines, connection) -> None:
    share(actor=member_actor(mara), connection=connection, everyone=None, members={ines.user_id: Level.MANAGE})
    browser = client_for(ines)
    _, page = send(browser, connection)
    answer = browser.post(
        reverse("connections:sharing", args=[connection.pk]), {"confirmed": digest(page)}, follow=True
    )
    assert not Connection.objects.get().is_shared
    assert answer.status_code == 404
