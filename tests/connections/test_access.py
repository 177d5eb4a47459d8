"""Who may see, use, manage and take a connection's token: one matrix, asked of the predicates and of the database."""

from dataclasses import dataclass

import pytest

from apps.connections.models import Connection, ConnectionShare, Level
from apps.connections.policy.access import level_of, may_manage, may_see, may_take_token, may_use
from apps.integrations.models import Integration
from apps.sql import Now
from apps.teams.actor import Actor, service_actor
from apps.teams.models import ApiKey
from tests import factories
from tests.fixtures.connections import ORIGIN, Cast

# How the owner's (a plain member's) connection is shared: everyone's level and one's own.
SHARINGS: dict[str, tuple[bool, dict[str, Level]]] = {
    "personal": (False, {}),
    "personal with shares left over": (False, {"": Level.MANAGE, "other": Level.MANAGE}),
    "shared with no one": (True, {}),
    "use": (True, {"": Level.USE}),
    "view": (True, {"": Level.VIEW}),
    "manage": (True, {"": Level.MANAGE}),
    "by name": (True, {"other": Level.USE}),
    "use, and more by name": (True, {"": Level.USE, "other": Level.MANAGE}),
    "manage, and less by name": (True, {"": Level.MANAGE, "other": Level.USE}),
}
# see, use, manage, take the token
NOTHING = (False, False, False, False)
ALL = (True, True, True, True)
SEE_AND_MANAGE = (True, False, True, False)
USE = (True, True, False, False)
MANAGE = (True, True, True, False)
SERVICE_USE = (True, True, False, True)
SERVICE_MANAGE = (True, True, True, True)
EXPECTED = {
    #                                  its owner, an admin,        another,  a service key
    "personal": (ALL, SEE_AND_MANAGE, NOTHING, NOTHING),
    "personal with shares left over": (ALL, SEE_AND_MANAGE, NOTHING, NOTHING),
    "shared with no one": (ALL, MANAGE, NOTHING, NOTHING),
    "use": (ALL, MANAGE, USE, SERVICE_USE),
    "view": (ALL, MANAGE, USE, SERVICE_USE),
    "manage": (ALL, MANAGE, MANAGE, SERVICE_MANAGE),
    "by name": (ALL, MANAGE, USE, NOTHING),
    "use, and more by name": (ALL, MANAGE, MANAGE, SERVICE_USE),
    "manage, and less by name": (ALL, MANAGE, MANAGE, SERVICE_MANAGE),
}


@dataclass
class Stage:
    """A connection of the member, and everybody who might want something of it."""

    connection: Connection
    actors: dict[str, Actor]


@pytest.fixture
def stage(cast: Cast, request: pytest.FixtureRequest) -> Stage:
    shared, levels = SHARINGS[request.param]
    other = factories.make_member(cast.team)
    connection = Connection.objects.create(
        team=cast.team,
        integration=Integration.objects.create(slug="sandbox", name="Sandbox", category="developer-tools"),
        owner=cast.member.user,
        name="Mara's",
        is_shared=shared,
        status_changed_at=Now(),
        created_at=Now(),
    )
    for who, level in levels.items():
        user = other.user if who == "other" else None
        ConnectionShare.objects.create(connection=connection, user=user, level=level)
    service, _ = factories.make_key(cast.admin, ApiKey.Kind.SERVICE)
    foreign, _ = factories.make_key(cast.stranger, ApiKey.Kind.SERVICE)
    actors = {
        "owner": cast.actor("member"),
        "admin": cast.actor("admin"),
        "team owner": cast.actor("owner"),
        "other": factories.actor_for(other),
        "service": service_actor(service, origin=ORIGIN),
        "stranger": cast.actor("stranger"),
        "foreign service": service_actor(foreign, origin=ORIGIN),
        "teamless": Actor(team=None, user=cast.member.user),
    }
    return Stage(connection, actors)


def answers(actor: Actor, connection: Connection) -> tuple[bool, ...]:
    return tuple(bool(ask(actor, connection)) for ask in (may_see, may_use, may_manage, may_take_token))


@pytest.mark.django_db
@pytest.mark.parametrize(("stage", "expected"), EXPECTED.items(), indirect=["stage"], ids=list(EXPECTED))
def test_the_matrix_of_permissions(stage: Stage, expected: tuple[tuple[bool, ...], ...]) -> None:
    owner, admin, other, service = expected
    assert {who: answers(actor, stage.connection) for who, actor in stage.actors.items()} == {
        "owner": owner,
        "admin": admin,
        "team owner": admin,
        "other": other,
        "service": service,
        "stranger": NOTHING,
        "foreign service": NOTHING,
        "teamless": NOTHING,
    }


@pytest.mark.django_db
@pytest.mark.parametrize("stage", EXPECTED, indirect=True)
def test_the_database_says_the_same_as_the_predicates(stage: Stage) -> None:
    for who, actor in stage.actors.items():
        seen = Connection.objects.visible_to(actor).filter(pk=stage.connection.pk)
        used = Connection.objects.usable_by(actor).filter(pk=stage.connection.pk)
        assert seen.count() == int(may_see(actor, stage.connection)), who
        assert used.count() == int(may_use(actor, stage.connection)), who


@pytest.mark.django_db
@pytest.mark.parametrize("stage", ["manage"], indirect=True)
def test_a_connection_that_is_being_disconnected_is_gone_for_everybody(stage: Stage) -> None:
    Connection.objects.update(status="disconnecting")
    for actor in stage.actors.values():
        assert not Connection.objects.visible_to(actor).exists()
        assert not Connection.objects.usable_by(actor).exists()


@pytest.mark.django_db
@pytest.mark.parametrize("stage", ["use, and more by name"], indirect=True)
def test_two_shares_that_reach_somebody_show_the_connection_once(stage: Stage) -> None:
    assert Connection.objects.visible_to(stage.actors["other"]).count() == 1
    assert Connection.objects.usable_by(stage.actors["other"]).count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("stage", ["manage"], indirect=True)
def test_an_owner_who_left_the_team_reaches_it_no_more(stage: Stage, cast: Cast) -> None:
    elsewhere = factories.make_member(user=cast.member.user)
    assert level_of(factories.actor_for(elsewhere), stage.connection) is None
    assert not Connection.objects.usable_by(factories.actor_for(elsewhere)).exists()
