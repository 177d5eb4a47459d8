"""The Sharing tab: what it stores, and who is named before they lose access."""

import re
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
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


@pytest.fixture
def two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a large team, where the form lists some of the members."""
    monkeypatch.setattr("apps.connections.views.sharing.MOST_MEMBERS", 2)


@pytest.fixture
def crowd(mara: Membership, two_at_once: None) -> list[Membership]:
    return [make_member(mara.team, user=make_user(f"Person {letter}")) for letter in "ABCDE"]


def listed(page: str) -> list[str]:
    return re.findall(r'<span class="grow">(Person \w)', page)


def fields_of(page: str) -> dict[str, Any]:
    """What a browser sends: the fields of the form as they are displayed."""
    form = page.split('<form class="panel sharing"')[1].split("</form>")[0]
    found: dict[str, Any] = {"shown": re.findall(r'name="shown" value="([^"]*)"', form)}
    ticked = re.findall(r'type="checkbox" id="member-[^"]*" name="member" value="([^"]+)" checked', form)
    found["member"] = ticked + re.findall(r'type="hidden" name="member" value="([^"]+)"', form)
    for name, options in re.findall(r'<select [^>]*name="(level-[^"]+)">(.*?)</select>', form):
        found[name] = "".join(re.findall(r'value="(\w*)" selected', options))
    found |= dict(re.findall(r'type="hidden" name="(level-[^"]+)" value="(\w*)"', form))
    for name in ("level", "who"):
        (found[name],) = re.findall(rf'name="{name}" id="[^"]*" value="(\w+)" checked', form)
    return found | ({"shared": "on"} if 'name="shared" checked' in form else {})


def opened(browser: Client, connection: Connection) -> str:
    page = browser.get(reverse("connections:sharing", args=[connection.pk])).content.decode()
    return re.sub(r"\s+", " ", page)


def test_members_that_are_not_shown_keep_their_level(mara, connection, crowd) -> None:
    own = (Level.USE, Level.MANAGE, Level.VIEW, Level.MANAGE)
    levels = {one.user_id: level for one, level in zip(crowd[1:], own, strict=True)}
    share(actor=actor_for(mara), connection=connection, everyone=None, members=levels)
    browser = client_for(mara)
    page = opened(browser, connection)
    assert listed(page) == ["Person B", "Person C"]  # those with a share come first
    assert "3 other members are not shown and keep what they have. 2 of them are selected." in page
    assert send(browser, connection, **fields_of(page))[0] == 302
    kept = {"Person B": "use", "Person C": "manage", "Person D": "view", "Person E": "manage"}
    assert shares(connection) == kept
    fields = fields_of(page) | {f"level-{crowd[1].user_id}": "manage"}
    assert send(browser, connection, **fields)[0] == 302
    assert shares(connection) == kept | {"Person B": "manage"}


def test_the_level_for_all_also_applies_to_members_that_are_not_shown(mara, connection, crowd) -> None:
    levels = dict.fromkeys([one.user_id for one in crowd], Level.USE) | {crowd[4].user_id: Level.MANAGE}
    share(actor=actor_for(mara), connection=connection, everyone=None, members=levels)
    browser = client_for(mara)
    assert send(browser, connection, **fields_of(opened(browser, connection)) | {"level": "view"})[0] == 302
    assert shares(connection) == {f"Person {letter}": "view" for letter in "ABCD"} | {"Person E": "manage"}


def test_a_search_keeps_what_was_changed_and_not_saved(mara, connection, crowd) -> None:
    browser = client_for(mara)
    fields = fields_of(opened(browser, connection))
    fields |= {"shared": "on", "who": "chosen", "level": "view", "member": [str(crowd[0].user_id)]}
    fields[f"level-{crowd[0].user_id}"] = "manage"
    status, page = send(browser, connection, **fields, search="person e", find="on")
    assert status == 200
    assert listed(page) == ["Person E"]
    assert "You changed 1 of them; save to keep that." in page
    assert shares(connection) == {}  # nothing is stored yet
    found = fields_of(page)
    assert (found["who"], found["level"]) == ("chosen", "view")
    assert send(browser, connection, **found | {"member": [*found["member"], str(crowd[4].user_id)]})[0] == 302
    assert shares(connection) == {"Person A": "manage", "Person E": "view"}


def test_saving_where_the_search_finds_no_one_takes_no_access_away(mara, connection, crowd) -> None:
    share(actor=actor_for(mara), connection=connection, everyone=Level.USE, members={crowd[0].user_id: Level.MANAGE})
    browser = client_for(mara)
    _, page = send(browser, connection, **fields_of(opened(browser, connection)), search="stranger", find="on")
    assert "No member matches." in page
    assert send(browser, connection, **fields_of(page))[0] == 302
    assert shares(connection) == {"everyone": "use", "Person A": "manage"}


def test_the_confirmation_names_some_of_many_people_and_counts_all(mara, connection, crowd, monkeypatch) -> None:
    monkeypatch.setattr("apps.connections.views.sharing.MOST_NAMED", 2)
    share(actor=actor_for(mara), connection=connection, everyone=Level.USE)
    browser = client_for(mara)
    _, page = send(browser, connection)
    assert "5 people lose access immediately:" in page
    assert "3 more members" in page
    assert "Person C" not in page
    assert send(browser, connection, confirmed=digest(page))[0] == 302
    assert shares(connection) == {}


def test_the_queries_of_the_form_do_not_depend_on_the_number_of_members(mara, connection, two_at_once) -> None:
    def queries() -> int:
        with CaptureQueriesContext(database) as captured:
            opened(browser, connection)
        return len(captured)

    browser, counts = client_for(mara), []
    for number in (3, 30):
        people = [make_member(mara.team, user=make_user(f"Person {number} {each}")) for each in range(number)]
        levels = {one.user_id: Level.USE for one in people[::2]}
        share(actor=actor_for(mara), connection=connection, everyone=None, members=levels)
        opened(browser, connection)
        counts.append(queries())
    assert counts[0] == counts[1]
