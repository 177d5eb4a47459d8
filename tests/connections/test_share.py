"""Sharing and handing over, by the services and through the API: who may, with whom, and what is written down."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from apps.audit.models import AuditEvent
from apps.connections.models import Connection, ConnectionShare, Level
from apps.connections.policy.access import level_of, may_manage, may_take_token, may_use, may_view
from apps.connections.services.share import share, transfer, unshare
from apps.errors import NotAllowed, NotFound
from apps.integrations.errors import InvalidInput
from apps.teams.actor import Actor
from apps.teams.models import ApiKey, Membership, Role
from apps.teams.services import members
from tests import factories
from tests.connections.pages import make_connection, set_up_service
from tests.factories import actor_for, make_member, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(mara: Membership) -> Membership:
    return make_member(mara.team, Role.ADMIN, user=make_user("Ada Admin"))


@pytest.fixture
def connection(mara: Membership) -> Connection:
    return make_connection(mara, set_up_service())


def fresh(connection: Connection) -> Connection:
    return Connection.objects.prefetch_related("shares").get(pk=connection.pk)


def abilities(membership: Membership, connection: Connection) -> tuple[bool, bool, bool, bool]:
    actor, now = actor_for(membership), fresh(connection)
    return may_use(actor, now), may_view(actor, now), may_manage(actor, now), may_take_token(actor, now)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (Level.USE, (True, False, False, False)),
        (Level.VIEW, (True, True, False, False)),
        (Level.MANAGE, (True, True, True, False)),
    ],
)
@pytest.mark.parametrize("by_name", [False, True])
def test_each_level_includes_the_one_before(mara, ines, connection, level, expected, by_name) -> None:
    share(
        actor=actor_for(mara),
        connection=connection,
        everyone=None if by_name else level,
        members={ines.user_id: level} if by_name else {},
    )
    assert abilities(ines, connection) == expected


def test_what_is_shared_again_is_shared_with_exactly_those_who_are_named(mara, ines, connection) -> None:
    actor = actor_for(mara)
    share(actor=actor, connection=connection, everyone=Level.VIEW, members={ines.user_id: Level.MANAGE})
    share(actor=actor, connection=connection, everyone=None, members={ines.user_id: Level.USE})
    assert [(share.user_id, share.level) for share in connection.shares.all()] == [(ines.user_id, "use")]
    event = AuditEvent.objects.get(action="connection.sharing_changed")
    assert event.detail == {
        "before": "everyone: view, Ines Achterberg: manage",
        "after": "Ines Achterberg: use",
    }


def test_unsharing_leaves_nothing_to_the_others(mara, ines, connection) -> None:
    share(actor=actor_for(mara), connection=connection, everyone=Level.MANAGE)
    unshare(actor=actor_for(mara), connection=connection)
    assert level_of(actor_for(ines), fresh(connection)) is None
    assert not ConnectionShare.objects.exists()
    assert AuditEvent.objects.get(action="connection.unshared").detail["after"] == "personal"


def test_what_changes_nothing_is_not_written_down(mara, ines, connection) -> None:
    actor = actor_for(mara)
    unshare(actor=actor, connection=connection)
    share(actor=actor, connection=connection, everyone=Level.USE)
    share(actor=actor, connection=connection, everyone=Level.USE)
    assert AuditEvent.objects.filter(action__startswith="connection.").count() == 1


def test_a_level_is_changed_for_everyone_or_for_one(mara, ines, connection) -> None:
    actor = actor_for(mara)
    share(actor=actor, connection=connection, everyone=Level.USE, members={ines.user_id: Level.USE})
    share(actor=actor, connection=connection, everyone=Level.VIEW, members={ines.user_id: Level.MANAGE})
    assert sorted(connection.shares.values_list("level", flat=True)) == ["manage", "view"]


def test_who_does_not_manage_does_not_share(mara, ines, connection) -> None:
    share(actor=actor_for(mara), connection=connection, everyone=Level.VIEW)
    for action in (unshare, lambda **more: share(everyone=Level.MANAGE, **more)):
        with pytest.raises(NotAllowed):
            action(actor=actor_for(ines), connection=connection)
    assert connection.shares.get().level == Level.VIEW


def test_what_a_manager_read_before_being_downgraded_does_not_count(mara, ines, connection) -> None:
    share(actor=actor_for(mara), connection=connection, everyone=None, members={ines.user_id: Level.MANAGE})
    read_before = fresh(connection)
    share(actor=actor_for(mara), connection=connection, everyone=None, members={ines.user_id: Level.VIEW})
    with pytest.raises(NotAllowed):
        share(actor=actor_for(ines), connection=read_before, everyone=Level.MANAGE)


def test_a_stranger_finds_nothing_to_share(connection) -> None:
    with pytest.raises(NotFound):
        share(actor=actor_for(make_member(role=Role.OWNER)), connection=connection, everyone=Level.USE)


def test_an_admin_does_not_share_what_is_anothers_alone(mara, admin, connection) -> None:
    """Else an admin, who may not use it, could by sharing it with everyone."""
    with pytest.raises(NotAllowed, match="only its owner, Mara Lindqvist, can share it"):
        share(actor=actor_for(admin), connection=connection, everyone=Level.USE)
    share(actor=actor_for(mara), connection=connection, everyone=Level.USE)
    share(actor=actor_for(admin), connection=connection, everyone=Level.VIEW)
    unshare(actor=actor_for(admin), connection=connection)
    assert not fresh(connection).is_shared


def test_only_members_of_the_team_are_shared_with(mara, connection) -> None:
    stranger = make_member(role=Role.OWNER)
    for wrong in (stranger.user_id, uuid4(), mara.user_id):
        with pytest.raises(InvalidInput):
            share(actor=actor_for(mara), connection=connection, everyone=None, members={wrong: Level.USE})
    with pytest.raises(InvalidInput):
        share(actor=actor_for(mara), connection=connection, everyone=None)
    assert not fresh(connection).is_shared


def test_the_share_of_somebody_who_left_the_team_goes_away(mara, ines, admin, connection) -> None:
    third = make_member(mara.team)
    both = {ines.user_id: Level.USE, third.user_id: Level.USE}
    share(actor=actor_for(mara), connection=connection, everyone=None, members=both)
    members.leave(actor=actor_for(ines))
    assert list(connection.shares.values_list("user", flat=True)) == [third.user_id]
    # A person who comes back begins anew.
    again = make_member(mara.team, user=ines.user)
    assert level_of(actor_for(again), fresh(connection)) is None
    members.leave(actor=actor_for(third))
    assert not fresh(connection).is_shared


def test_handing_over_keeps_the_grant_and_says_whose_it_is(mara, ines, connection) -> None:
    transfer(actor=actor_for(mara), connection=connection, to=ines.user_id)
    now = fresh(connection)
    assert (now.owner, now.handed_over_from, now.is_shared) == (ines.user, "Mara Lindqvist", False)
    # The token is Mara's: Ines uses it in workflows, but does not get it in her hands.
    assert abilities(ines, connection) == (True, True, True, False)
    assert abilities(mara, connection) == (False, False, False, False)
    event = AuditEvent.objects.get(action="connection.handed_over")
    assert event.detail == {"before": "Mara Lindqvist", "after": "Ines Achterberg"}
    transfer(actor=actor_for(ines), connection=connection, to=mara.user_id)
    assert fresh(connection).handed_over_from == ""
    assert abilities(mara, connection) == (True, True, True, True)


def test_only_the_owner_and_admins_hand_over_and_admins_nothing_personal(mara, ines, admin, connection) -> None:
    share(actor=actor_for(mara), connection=connection, everyone=Level.MANAGE)
    with pytest.raises(NotAllowed):
        transfer(actor=actor_for(ines), connection=connection, to=ines.user_id)
    key, _ = factories.make_key(mara)
    holder = actor_for(mara)
    with pytest.raises(NotAllowed):
        transfer(actor=Actor(holder.team, holder.user, holder.role, key), connection=connection, to=ines.user_id)
    transfer(actor=actor_for(admin), connection=connection, to=ines.user_id)
    unshare(actor=actor_for(ines), connection=connection)
    with pytest.raises(NotAllowed):
        transfer(actor=actor_for(admin), connection=connection, to=admin.user_id)


def test_the_share_of_the_new_owner_is_not_left_over(mara, ines, connection) -> None:
    share(actor=actor_for(mara), connection=connection, everyone=None, members={ines.user_id: Level.USE})
    transfer(actor=actor_for(mara), connection=connection, to=ines.user_id)
    assert not ConnectionShare.objects.exists()
    assert not fresh(connection).is_shared


@pytest.mark.parametrize("whom", ["stranger", "unknown", "self", "left"])
def test_it_is_handed_over_to_another_member_of_the_team_only(mara, connection, whom) -> None:
    to = {"stranger": make_member(role=Role.OWNER).user_id, "unknown": uuid4(), "self": mara.user_id}.get(whom)
    if to is None:
        gone = make_member(mara.team)
        to = gone.user_id
        members.leave(actor=actor_for(gone))
    with pytest.raises(InvalidInput):
        transfer(actor=actor_for(mara), connection=connection, to=to)


# --- the API ----------------------------------------------------------------------------------------------------------


def put(membership: Membership, connection: Connection, body: Any, kind: ApiKey.Kind = ApiKey.Kind.PERSONAL) -> Any:
    _, text = factories.make_key(membership, kind)
    url = f"/api/v1/connections/{connection.pk}/sharing/"
    headers = {"Authorization": f"Bearer {text}"}
    return Client().put(url, json.dumps(body), content_type="application/json", headers=headers)


def test_the_api_shares_with_everyone_and_takes_it_back(mara, connection) -> None:
    answer = put(mara, connection, {"shared": True, "level": "view"})
    assert answer.status_code == 200
    assert answer.json() == {"connection": str(connection.pk), "shared": True, "level": "view", "members": []}
    assert put(mara, connection, {"shared": False}).json()["shared"] is False
    assert not fresh(connection).is_shared


def test_the_api_takes_members_by_id_or_with_a_level_of_their_own(mara, ines, admin, connection) -> None:
    body = {
        "shared": True,
        "level": "use",
        "members": [str(admin.user_id), {"id": str(ines.user_id), "level": "manage"}],
    }
    assert put(mara, connection, body).json()["members"] == [
        {"id": str(admin.user_id), "name": "Ada Admin", "level": "use"},
        {"id": str(ines.user_id), "name": "Ines Achterberg", "level": "manage"},
    ]
    assert put(mara, connection, body | {"everyone": True}).json()["level"] == "use"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "shared"),
        ({"shared": True}, "level"),
        ({"shared": True, "level": "own"}, "level"),
        ({"shared": True, "level": "use", "members": []}, "members"),
        ({"shared": True, "level": "use", "members": ["x"]}, "members.0"),
        ({"shared": True, "level": "use", "members": [7]}, "members.0"),
        ({"shared": True, "level": "use", "members": [{"id": str(uuid4()), "level": 3}]}, "members.0"),
        ({"shared": True, "level": "use", "members": [{"id": str(uuid4()), "role": "use"}]}, "members.0"),
        ({"shared": True, "level": "use", "members": [str(uuid4())]}, "members"),
        ({"shared": True, "members": [str(uuid4())]}, "level"),
        ({"shared": False, "level": "use"}, "level"),
        ({"shared": True, "level": "use", "levels": "use"}, "levels"),
        ({"shared": True, "level": "use", "members": [str(uuid4())] * 501}, "members"),
    ],
)
def test_the_api_says_which_field_is_wrong(mara, connection, body, field) -> None:
    answer = put(mara, connection, body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "validation_error"
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert not fresh(connection).is_shared


def test_a_service_key_shares_what_everyone_manages(mara, admin, connection) -> None:
    assert put(admin, connection, {"shared": True, "level": "use"}, ApiKey.Kind.SERVICE).status_code == 404
    share(actor=actor_for(mara), connection=connection, everyone=Level.VIEW)
    assert put(admin, connection, {"shared": False}, ApiKey.Kind.SERVICE).status_code == 403
    share(actor=actor_for(mara), connection=connection, everyone=Level.MANAGE)
    assert put(admin, connection, {"shared": True, "level": "use"}, ApiKey.Kind.SERVICE).status_code == 200
