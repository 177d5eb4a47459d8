"""The picker: which connections fit an action, and that the REST API answers alike."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.connections.models import Connection
from apps.connections.services.eligibility import (
    eligible_connections,
    missing_scopes_of,
    preferred_eligible,
    usable_count,
)
from apps.integrations.custom_apis.operations import operations_of
from apps.integrations.models import Integration, Operation
from apps.teams.models import Role
from tests import factories
from tests.connections.pages import make_connection, make_red, set_up_service, share
from tests.connections.test_api import caller

pytestmark = pytest.mark.django_db


def test_ones_own_and_shared_ones_are_offered_and_no_others() -> None:
    me, service = factories.make_member(role=Role.ADMIN), set_up_service()
    colleague, stranger = factories.make_member(me.team), factories.make_member()
    make_connection(me, service, "Mine")
    share(make_connection(colleague, service, "Shared"))
    make_connection(colleague, service, "Personal")
    share(make_connection(stranger, service, "Elsewhere"))
    fits = eligible_connections(factories.actor_for(me), service)
    assert [(fit.connection.name, fit.is_mine) for fit in fits] == [("Mine", True), ("Shared", False)]


def test_fitting_ones_come_first_then_what_lacks_then_what_is_red() -> None:
    me, service = factories.make_member(), set_up_service()
    make_red(make_connection(me, service, "A red", scopes_granted=["profile", "email"]))
    make_connection(me, service, "B lacks")
    make_connection(me, service, "C fits", scopes_granted=["profile", "email"])
    fits = eligible_connections(factories.actor_for(me), service, ("profile", "email"))
    assert [fit.connection.name for fit in fits] == ["C fits", "B lacks", "A red"]
    assert [fit.repair for fit in fits] == ["", "Add permission", "Reconnect"]
    assert [fit.can_be_chosen for fit in fits] == [True, True, False]
    assert fits[1].missing == ("email",)
    chosen = preferred_eligible(fits)
    assert chosen is not None
    assert chosen.connection.name == "C fits"


def test_of_several_eligible_connections_the_most_recently_used_is_preselected() -> None:
    me, service = factories.make_member(), set_up_service()
    make_connection(me, service, "A never used")
    used = timezone.now()
    make_connection(me, service, "B used before", last_used_at=used - timedelta(days=1))
    make_connection(me, service, "C used last", last_used_at=used)
    make_red(make_connection(me, service, "D red", last_used_at=used + timedelta(days=1)))
    preferred = preferred_eligible(eligible_connections(factories.actor_for(me), service))
    assert preferred is not None
    assert preferred.connection.name == "C used last"


def test_without_any_use_the_first_eligible_connection_is_preselected() -> None:
    me, service = factories.make_member(), set_up_service()
    make_connection(me, service, "Two")
    make_connection(me, service, "One")
    preferred = preferred_eligible(eligible_connections(factories.actor_for(me), service))
    assert preferred is not None
    assert preferred.connection.name == "One"


def test_nothing_is_preselected_if_no_connection_is_eligible() -> None:
    me, service = factories.make_member(), set_up_service()
    make_red(make_connection(me, service, "Red"))
    assert preferred_eligible(eligible_connections(factories.actor_for(me), service)) is None


def test_what_a_key_may_do_is_not_guessed() -> None:
    me, service = factories.make_member(), set_up_service()
    connection = make_connection(me, service)
    assert missing_scopes_of(connection, ["anything"]) == ["anything"]
    connection.integration.kind = Integration.Kind.API_KEY
    assert missing_scopes_of(connection, ["anything"]) == []


def test_the_api_answers_as_the_picker_does() -> None:
    me, service = factories.make_member(), set_up_service()
    make_connection(me, service, "Lacks")
    fitting = make_connection(me, service, "Fits", scopes_granted=["profile", "email"])
    program = caller(me, scopes=["connections:read"])
    answer = program.get("/api/v1/connections/?integration=sandbox&scopes=profile%20email")
    by_picker = [
        f.connection
        for f in eligible_connections(factories.actor_for(me), service, ("profile", "email"))
        if f.is_eligible
    ]
    assert [one["id"] for one in answer.json()["results"]] == [str(one.pk) for one in by_picker] == [str(fitting.pk)]
    Connection.objects.all().delete()
    assert eligible_connections(factories.actor_for(me), service) == []


def test_the_calls_of_an_imported_document_are_offered_with_what_they_need() -> None:
    me = factories.make_member()
    own = Integration.objects.create(slug="fleet", name="Fleet", category="developer-tools", team=me.team)
    Operation.objects.create(integration=own, position=1, method="get", path="/cars/{id}", scopes=["cars:read"])
    Operation.objects.create(integration=own, position=0, method="POST", path="/cars", summary="Add a car")
    offered = operations_of(own)
    assert [(one.position, one.label, one.scopes) for one in offered] == [
        (0, "Add a car", ()),
        (1, "GET /cars/{id}", ("cars:read",)),
    ]
    assert operations_of(set_up_service()) == ()


@pytest.fixture
def two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.connections.services.eligibility.MOST_LISTED", 2)


def test_of_many_some_are_listed_the_eligible_ones_first(two_at_once: None) -> None:
    me, service, both = factories.make_member(), set_up_service(), ["profile", "email"]
    for letter in "ABC":
        make_red(make_connection(me, service, f"{letter} red", scopes_granted=both))
        make_connection(me, service, f"{letter} lacks")
    make_connection(me, service, "X fits", scopes_granted=both)
    used = make_connection(me, service, "Z fits", scopes_granted=both, last_used_at=timezone.now())
    make_connection(me, service, "Y fits", scopes_granted=both)
    actor = factories.actor_for(me)
    fits = eligible_connections(actor, service, both)
    # The one that was used last is preselected, wherever its name is.
    assert [fit.connection.name for fit in fits] == ["X fits", "Y fits", "Z fits"]
    preferred = preferred_eligible(fits)
    assert preferred is not None
    assert preferred.connection == used
    assert usable_count(actor, service) == 9
    assert [fit.connection.name for fit in eligible_connections(actor, service)] == ["A lacks", "B lacks", "Z fits"]


def test_a_search_finds_the_others_by_name_account_or_owner_and_keeps_the_chosen_one(two_at_once: None) -> None:
    me, service = factories.make_member(user=factories.make_user("Mara Lindqvist")), set_up_service()
    olivia = factories.make_member(me.team, user=factories.make_user("Olivia Brandt"))
    mine = [make_connection(me, service, f"Mine {number}") for number in range(4)]
    share(make_connection(olivia, service, "Hers", account_label="finance@fernhill.example"))
    make_connection(olivia, service, "Personal of Olivia")
    actor = factories.actor_for(me)

    def names(search: str, **more: Any) -> list[str]:
        return [fit.connection.name for fit in eligible_connections(actor, service, search=search, **more)]

    assert names("mine 3") == ["Mine 3"]
    assert names("FINANCE@") == names("olivia") == ["Hers"]
    assert names("olivia", chosen=mine[2].pk) == ["Mine 2", "Hers"]
    assert names("nothing") == []
    assert usable_count(actor, service, search="olivia") == 1
